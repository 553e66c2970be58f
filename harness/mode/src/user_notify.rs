//! Calls of the trace set wait for a supervisor, which lets each go on (seccomp_unotify(2)).
//!
//! The kernel looks at the arguments of such a call again after the answer, so this way of tracing can
//! measure, log and answer calls, but not police what pointers point to.

use crate::outcome::calls;
use crate::{
    About, Capabilities, Colour, Error, Event, Facts, Filter, Group, Job, Log, Mechanism, Mode,
    Outcome, Role, Traced, TracerAccount, Unavailable, What, ptrace, seccomp,
};
use harness_cbpf::Action;
use harness_notify::{Accepted, Options, probe, supervise};
use harness_record::Counter;
use harness_sys::launcher::{Launch, Start};
use harness_syscalls::TraceSet;
use harness_tracer::counts::Stops;
use std::borrow::Cow;
use std::io;
use std::time::Instant;

/// A mode whose calls wait for a supervisor.
pub(crate) struct UserNotify {
    about: About,
    options: Options,
}

impl UserNotify {
    pub(crate) const fn new(
        name: &'static str,
        colour: Colour,
        options: Options,
        summary: &'static str,
    ) -> Self {
        Self {
            about: About {
                name: Cow::Borrowed(name),
                summary: Cow::Borrowed(summary),
                role: Role::Tracer,
                group: Group::Other,
                colour,
                mechanism: Mechanism::UserNotification,
                counts_every_call: false,
                capabilities: CAPABILITIES,
            },
            options,
        }
    }
}

/// It is not told what a call that goes on returns.
const CAPABILITIES: Capabilities = Capabilities {
    result: false,
    ..seccomp::CAPABILITIES
};

pub(crate) const PLAIN: UserNotify = UserNotify::new(
    "user-notify",
    Colour(0xcc, 0x79, 0xa7),
    Options { sync: false },
    "SECCOMP_RET_USER_NOTIF for the trace set: a supervisor lets each call go on, without ptrace",
);

fn compile(set: &TraceSet) -> Result<Filter, Error> {
    seccomp::compile("linear", set, Action::UserNotif)
}

impl Mode for UserNotify {
    fn about(&self) -> &About {
        &self.about
    }

    fn check(&self) -> Result<Facts, Unavailable> {
        let found = probe(self.options.sync).map_err(|error| Unavailable {
            reason: error.to_string(),
            remedy: error.remedy().to_owned(),
        })?;
        // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, Linux 5.19.
        let signals = if found.wait_killable {
            "do not end the wait of a call that was received"
        } else {
            "end the wait of a call, which is then notified again"
        };
        Ok(Facts::from([("signals".to_owned(), signals.to_owned())]))
    }

    fn traced(&self, asked: &TraceSet) -> Traced {
        Traced::Set(asked.clone())
    }

    fn filter(&self, set: &TraceSet) -> Result<Option<Filter>, Error> {
        compile(set).map(Some)
    }

    fn run(&self, launch: Launch<'_>, job: &mut Job<'_>) -> Result<Outcome, Error> {
        let filter = compile(job.set)?;
        let child = launch.spawn(Start::UNTRACED.supervised(filter.program.instructions()))?;
        let mut log = job.log.as_mut().map(|log| Notifications(&mut **log));
        let log = log.as_mut().map(|log| log as &mut dyn harness_notify::Log);
        let outcome = supervise(child, self.options, log)
            .map_err(|error| Error::new(error.to_string()).remedy(error.remedy()))?;
        let counts = outcome.counts;
        Ok(Outcome {
            end: Some(outcome.end),
            wall: outcome.wall,
            // Nobody is traced by ptrace(2), so nothing stops.
            counts: ptrace::stops(&Stops::default())
                .with(Counter::TracedEvents, counts.traced_events)
                .with(Counter::Interceptions, counts.notifications)
                .with(Counter::Handovers, counts.notifications),
            calls: Some(calls(&counts.calls)),
            tracer: TracerAccount::ThisProcess,
            escaped: 0,
            no_new_privs: outcome.launch.no_new_privs,
            inherited_rss_kib: outcome.launch.inherited_rss_kib,
            remarks: Vec::new(),
        })
    }
}

/// Tells a log of a supervisor's calls.
struct Notifications<'a>(&'a mut dyn Log);

impl harness_notify::Log for Notifications<'_> {
    fn started(&mut self, now: Instant) -> io::Result<()> {
        self.0.started(now)
    }

    fn accepted(&mut self, call: &Accepted) -> io::Result<()> {
        self.0.event(&Event {
            tid: call.tid,
            call: Some((call.abi, call.number)),
            what: What::Notification,
        })
    }
}
