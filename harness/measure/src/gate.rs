//! Compares two harnesses on one machine, in one run: each block has every mode
//! under both, alternating, and the untraced control, which they share as it is the
//! same program under neither; blocks are taken until the looks declared
//! beforehand allow a verdict, and a regression is confirmed by fresh ones.
//!
//! Both harnesses run the workloads of *this* binary, so that what differs is
//! the tracer alone.

use crate::binaries::Binaries;
use crate::request::Request;
use crate::runs::{Arm, Known, Runs};
use crate::session::Session;
use crate::subject::Subject;
use crate::wire::FilterCost;
use crate::{Error, order};
use harness_record::{
    CONTROL, Comparison, Environment, Metric, Plan, RecordDirectory, Rules, Sample, Side, Slot,
};
use harness_stats::random::Rng;
use harness_sys::signals::Termination;
use harness_verdict::evidence::{self, Evidence};
use harness_verdict::exact;
use harness_verdict::observe::{self, Observations, Scope};
use harness_verdict::procedure::{Found, Procedure};
use std::ops::Range;
use std::path::PathBuf;

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// Workloads, modes and size. The control is added where it is missing.
    pub request: Request,
    /// The harness that is compared with.
    pub base: PathBuf,
    /// The harness that is judged.
    pub head: PathBuf,
    /// Declared beforehand.
    pub rules: Rules,
    /// Calibrated noise floors by workload and mode, fractions.
    pub floors: Vec<(String, String, f64)>,
    /// Whether a regression must be seen twice.
    pub confirm: bool,
}

/// A comparison that can be made: everything that can be checked before the
/// first run has been.
pub struct Gate {
    session: Session,
    binaries: Binaries,
    rules: Rules,
    floors: Vec<(String, String, f64)>,
    confirm: bool,
}

/// What a comparison came to.
#[derive(Debug)]
pub struct Gated {
    /// One for each workload, mode and metric.
    pub comparisons: Vec<Comparison>,
    /// Every sample taken, failed ones included.
    pub samples: Vec<Sample>,
    /// Blocks left out.
    pub dropped_blocks: u32,
    /// What a reader must know, a sentence each.
    pub warnings: Vec<String>,
    /// Why it ended before it could.
    pub error: Option<Error>,
}

impl Gate {
    /// Checks a request.
    ///
    /// # Errors
    /// [`Error`]: what cannot be measured, and why.
    pub fn new(gate: GateRequest, termination: &Termination) -> Result<Self, Error> {
        let mut request = gate.request;
        request.add_control();
        Ok(Self {
            session: Session::new(request, termination)?,
            binaries: Binaries::Two {
                base: gate.base,
                head: gate.head,
            },
            rules: gate.rules,
            floors: gate.floors,
            confirm: gate.confirm,
        })
    }

    /// Where.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        self.session.environment()
    }

    /// The workloads and modes.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.session.plan()
    }

    /// Takes blocks until every comparison is decided or the last look is over,
    /// each sample appended to the record's file as it is taken.
    ///
    /// # Errors
    /// [`Error::Record`] where the file cannot be made; any later error is in
    /// [`Gated::error`].
    pub fn run(
        self,
        directory: &RecordDirectory,
        termination: &Termination,
    ) -> Result<Gated, Error> {
        let writer = directory.sample_writer()?;
        let most = self.rules.looks.last().copied().unwrap_or(0);
        let mut rng = Rng::new(self.rules.seed);
        let modes = self.session.plan().modes.iter();
        let modes: Vec<&str> = modes
            .filter(|mode| mode.available)
            .map(|mode| mode.name.as_str())
            .collect();
        // Twice as many as the last look has: those behind it are for a confirmation.
        let blocks = |subject: &Subject| {
            order::two_sided(&subject.plan.name, &modes, CONTROL, 0..2 * most, &mut rng)
        };
        let planned: Vec<Vec<Slot>> = self.session.subjects.iter().map(blocks).collect();
        let counted = planned.iter().flatten().filter(|slot| slot.block < most);
        let request = &self.session.request;
        let runs = Runs::new(request, &self.binaries, counted, termination, writer);
        let questions = self.questions(&modes);
        let procedure = Procedure::new(&self.rules, self.confirm, questions.len())
            .map_err(|error| Error::Rules(error.to_string()))?;
        let mut taking = Taking {
            rules: &self.rules,
            floors: &self.floors,
            planned: &planned,
            subjects: &self.session.subjects,
            runs,
            known: Vec::new(),
            questions,
            procedure,
        };
        let error = taking.all(&modes).err();
        let comparisons = taking.comparisons();
        let dropped_blocks = taking.dropped();
        let taken = taking.runs.finish();
        let mut warnings = self.session.warnings().to_vec();
        warnings.extend(taken.observations);
        Ok(Gated {
            comparisons,
            samples: taken.samples,
            dropped_blocks,
            warnings,
            error,
        })
    }

    /// What is asked of time and switches, in the order of the report.
    fn questions(&self, modes: &[&str]) -> Vec<Question> {
        let traced = modes.iter().filter(|mode| **mode != CONTROL);
        let subjects = 0..self.session.subjects.len();
        subjects
            .flat_map(|subject| {
                traced.clone().flat_map(move |mode| {
                    [Metric::Ratio, Metric::ContextSwitches].map(|metric| Question {
                        subject,
                        mode: (*mode).to_owned(),
                        metric,
                        evidence: None,
                        confirmation: None,
                    })
                })
            })
            .collect()
    }
}

/// One question, and what was observed of its answer; what is decided is in the
/// procedure, at the same place.
struct Question {
    subject: usize,
    mode: String,
    metric: Metric,
    evidence: Option<Evidence>,
    /// What fresh blocks showed of a regression.
    confirmation: Option<Evidence>,
}

/// The blocks as they are taken.
struct Taking<'a> {
    rules: &'a Rules,
    floors: &'a [(String, String, f64)],
    planned: &'a [Vec<Slot>],
    subjects: &'a [Subject],
    runs: Runs<'a>,
    known: Vec<Known>,
    questions: Vec<Question>,
    procedure: Procedure,
}

impl Taking<'_> {
    fn all(&mut self, modes: &[&str]) -> Result<(), Error> {
        for subject in self.subjects {
            let sides = |mode: &str| match mode {
                CONTROL => vec![None],
                _ => vec![Some(Side::Base), Some(Side::Head)],
            };
            let arms = modes.iter().flat_map(|&mode| {
                sides(mode).into_iter().map(move |side| Arm {
                    mode: mode.to_owned(),
                    side,
                })
            });
            let known = self.runs.warm_up(subject, arms.collect())?;
            self.known.push(known);
        }
        let mut taken = 0;
        for (number, look) in self.procedure.looks().to_vec().into_iter().enumerate() {
            for block in taken..look {
                for subject in 0..self.subjects.len() {
                    let mut questions = self.questions.iter().enumerate();
                    let is_open = questions.any(|(at, question)| {
                        question.subject == subject && self.procedure.is_open(at)
                    });
                    if is_open {
                        self.block(subject, block, |_| true)?;
                    }
                }
            }
            taken = look;
            self.look(number, look);
            if self.procedure.is_over() {
                break;
            }
        }
        self.confirm()
    }

    /// Takes one block of one subject, the arms of some modes of it.
    fn block(
        &mut self,
        subject: usize,
        block: u32,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let slots = self.planned[subject].iter();
        let slots = slots.filter(|slot| slot.block == block && wanted(&slot.mode));
        let known = &mut self.known[subject];
        self.runs.slots(&self.subjects[subject], slots, known)
    }

    /// Weighs everything that is undecided, and has all judged together.
    fn look(&mut self, number: usize, look: u32) {
        let weighed: Vec<(Option<Evidence>, Found)> = (0..self.questions.len())
            .map(|at| {
                if self.procedure.is_open(at) {
                    self.weigh(&self.questions[at], 0..look)
                } else {
                    (None, Found::Nothing)
                }
            })
            .collect();
        self.procedure.look(number, |at| weighed[at].1);
        for (question, (evidence, _)) in self.questions.iter_mut().zip(weighed) {
            question.evidence = evidence.or(question.evidence.take());
        }
    }

    /// Takes as many fresh blocks as a regression was seen in, and looks whether
    /// they show it too.
    fn confirm(&mut self) -> Result<(), Error> {
        let first = self.rules.looks.last().copied().unwrap_or(0);
        for subject in 0..self.subjects.len() {
            let questions = self.questions.iter().enumerate();
            let candidates: Vec<(usize, String, u32)> = questions
                .filter(|(_, question)| question.subject == subject)
                .filter_map(|(at, question)| {
                    Some((at, question.mode.clone(), self.procedure.to_confirm(at)?))
                })
                .collect();
            let Some(count) = candidates.iter().map(|(.., look)| *look).max() else {
                continue;
            };
            for block in first..first + count {
                self.block(subject, block, |mode| {
                    mode == CONTROL || candidates.iter().any(|(_, candidate, _)| candidate == mode)
                })?;
            }
            for (at, ..) in candidates {
                let (evidence, _) = self.weigh(&self.questions[at], first..first + count);
                if let Some(evidence) = &evidence {
                    self.procedure.confirm(at, evidence.tests.regression);
                }
                self.questions[at].confirmation = evidence;
            }
        }
        Ok(())
    }

    fn weigh(&self, question: &Question, blocks: Range<u32>) -> (Option<Evidence>, Found) {
        let observations = self.observations(question, blocks);
        match evidence::weigh(&observations, self.threshold(question)) {
            Ok(evidence) => {
                let tests = evidence.tests;
                (Some(evidence), Found::Tests(tests))
            }
            Err(_) if observations.blocks == 0 => (None, Found::Nothing),
            // Too rare to be compared in any block.
            Err(_) => (None, Found::Never),
        }
    }

    fn observations(&self, question: &Question, blocks: Range<u32>) -> Observations {
        let plan = &self.subjects[question.subject].plan;
        let scope = Scope {
            workload: &plan.name,
            mode: &question.mode,
            control: CONTROL,
            of: plan.time_measure(),
            blocks,
            max_steal: self.rules.max_steal,
        };
        match question.metric {
            Metric::ContextSwitches => observe::context_switches(self.runs.samples(), &scope),
            _ => observe::ratios(self.runs.samples(), &scope),
        }
    }

    /// The smallest change that is a regression: as asked for, or what the
    /// noise of this host hides.
    fn threshold(&self, question: &Question) -> f64 {
        let workload = &self.subjects[question.subject].plan.name;
        let floor = self
            .floors
            .iter()
            .find(|(name, mode, _)| name == workload && *mode == question.mode);
        let floor = floor.filter(|_| question.metric == Metric::Ratio);
        floor.map_or(self.rules.min_effect, |(_, _, floor)| {
            floor.max(self.rules.min_effect)
        })
    }

    fn dropped(&self) -> u32 {
        let samples = self.runs.samples();
        let count = |subject: &Subject| {
            observe::dropped(samples, &subject.plan.name, self.rules.max_steal).len()
        };
        u32::try_from(self.subjects.iter().map(count).sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// What is compared, as far as it is known.
    fn comparisons(&self) -> Vec<Comparison> {
        let mut comparisons: Vec<Comparison> = Vec::new();
        for (at, question) in self.questions.iter().enumerate() {
            if question.metric == Metric::Ratio || question.evidence.is_some() {
                comparisons.push(self.comparison(at, question));
            }
            // After the last question of a workload and mode, its counts.
            if question.metric == Metric::ContextSwitches {
                let name = &self.subjects[question.subject].plan.name;
                comparisons.extend(exact::counts(self.runs.samples(), name, &question.mode));
                comparisons.extend(self.filters(question));
            }
        }
        comparisons
    }

    fn filters(&self, question: &Question) -> Vec<Comparison> {
        let Some(known) = self.known.get(question.subject) else {
            return Vec::new();
        };
        let of = |side| {
            known.filters.get(&Arm {
                mode: question.mode.clone(),
                side: Some(side),
            })
        };
        let (Some(base), Some(head)) = (of(Side::Base), of(Side::Head)) else {
            return Vec::new();
        };
        let (length, executed) = (Metric::FilterInstructions, Metric::FilterExecuted);
        let name = &self.subjects[question.subject].plan.name;
        let compare = |metric, of: fn(&FilterCost) -> f64| {
            exact::numbers(name, &question.mode, metric, of(base), of(head))
        };
        vec![
            compare(length, |cost| f64::from(cost.instructions)),
            compare(executed, |cost| cost.mean_executed),
        ]
    }

    fn comparison(&self, at: usize, question: &Question) -> Comparison {
        let (verdict, reason) = self.procedure.conclude(at);
        let evidence = question.evidence.as_ref();
        let said = self.procedure.said(at);
        let threshold = self.threshold(question);
        let detectable = evidence.and_then(|evidence| {
            let blocks = self.procedure.blocks(at);
            let shift = self
                .procedure
                .detectable(evidence.spread, evidence.count, blocks);
            Some(evidence::beyond(threshold, shift.ok()??))
        });
        Comparison {
            workload: self.subjects[question.subject].plan.name.clone(),
            mode: question.mode.clone(),
            metric: question.metric,
            verdict,
            change: evidence.map(|evidence| evidence.change),
            min_detectable_effect: detectable,
            threshold,
            base: evidence.map(|evidence| evidence.base),
            head: evidence.map(|evidence| evidence.head),
            observations: evidence.map_or(0, |evidence| evidence.count),
            p_regression: said.map(|said| said.p_regression),
            p_no_regression: said.map(|said| said.p_no_regression),
            confirmation: question.confirmation.as_ref().map(|seen| seen.change),
            reason: reason.to_owned(),
        }
    }
}
