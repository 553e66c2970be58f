//! What user space reads of a ring buffer: `BPF_MAP_TYPE_RINGBUF`, kernel/bpf/ringbuf.c.

use super::{Map, MapKind};
use crate::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::{ptr, slice};

/// Of x86-64. Both positions have a page of their own.
const PAGE: usize = 4096;

/// Bytes of `struct bpf_ringbuf_hdr` before each record.
const HEADER: u64 = 8;

/// `BPF_RINGBUF_BUSY_BIT`: reserved, and not yet submitted or discarded.
const BUSY: u32 = 1 << 31;

/// `BPF_RINGBUF_DISCARD_BIT`: there is nothing to read in it.
const DISCARDED: u32 = 1 << 30;

/// After how many records the kernel is told that their room is free again: rarely, as its programs
/// read the position for each record and the page goes to and fro between CPUs; often enough to leave them room.
const BATCH: u32 = 16;

/// The reader of a ring buffer.
///
/// Its descriptor is readable while there is a record that was not consumed; that includes one that a
/// program has reserved and not yet submitted, which takes it a moment.
#[derive(Debug)]
pub struct RingBuffer {
    descriptor: OwnedFd,
    consumer: Mapping,
    producer: Mapping,
    mask: u64,
}

impl RingBuffer {
    /// Maps it: the consumer's position, and, read-only, the producer's position and twice the records,
    /// so that one that goes on at the beginning is in one piece.
    ///
    /// # Errors
    /// `EPERM`, `ENOMEM`: mmap(2).
    ///
    /// # Panics
    /// The map is no ring buffer.
    pub fn new(map: Map) -> Result<Self, Errno> {
        assert_eq!(map.kind, MapKind::RingBuffer, "what is mapped");
        Self::over(map.descriptor, map.max_entries)
    }

    fn over(descriptor: OwnedFd, bytes: u32) -> Result<Self, Errno> {
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        let consumer = Mapping::new(descriptor.as_fd(), 0, PAGE, writable)?;
        let length = PAGE + 2 * bytes as usize;
        let producer = Mapping::new(descriptor.as_fd(), PAGE, length, libc::PROT_READ)?;
        Ok(Self {
            descriptor,
            consumer,
            producer,
            mask: u64::from(bytes) - 1,
        })
    }

    /// Hands over all records that are there now, in the order in which room was reserved for them, and
    /// returns how many. It ends before a record that a program has not submitted yet, and at those that
    /// come meanwhile, so it ends however fast they come.
    ///
    /// # Errors
    /// Those of `each`; the record that it failed on counts as consumed.
    pub fn consume<E>(&mut self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<u64, E> {
        let end = self.produced();
        // Nobody else writes it.
        let mut position = self.consumed().load(Ordering::Relaxed);
        let mut records = 0;
        let mut unpublished = 0;
        let mut outcome = Ok(());
        while outcome.is_ok() && position < end {
            let header = self.header(position);
            if header & BUSY != 0 {
                break;
            }
            let length = header & !DISCARDED;
            if header & DISCARDED == 0 {
                outcome = each(self.record(position, length));
                records += 1;
            }
            position += (HEADER + u64::from(length)).next_multiple_of(8);
            unpublished += 1;
            if unpublished == BATCH {
                self.consumed().store(position, Ordering::Release);
                unpublished = 0;
            }
        }
        if unpublished > 0 {
            self.consumed().store(position, Ordering::Release);
        }
        outcome.map(|()| records)
    }

    /// Up to where records were consumed, in bytes since it was made.
    fn consumed(&self) -> &AtomicU64 {
        // SAFETY: at the beginning of the consumer's page, which is writable and mapped as long as
        // `self`.
        unsafe { AtomicU64::from_ptr(self.consumer.at(0).cast()) }
    }

    /// Up to where room was reserved, in bytes since it was made.
    fn produced(&self) -> u64 {
        // SAFETY: at the beginning of the producer's page, which is mapped as long as `self`.
        let position = unsafe { AtomicU64::from_ptr(self.producer.at(0).cast()) };
        acquire(position.load(Ordering::Relaxed))
    }

    /// What is before the record at a position.
    fn header(&self, position: u64) -> u32 {
        let length = self.producer.at(PAGE + self.offset(position)).cast();
        // SAFETY: positions are multiples of 8, and below the mask they are in the records' first copy.
        let length = unsafe { AtomicU32::from_ptr(length) };
        acquire(length.load(Ordering::Relaxed))
    }

    /// The record at a position, which was submitted.
    fn record(&self, position: u64, length: u32) -> &[u8] {
        let start = self
            .producer
            .at(PAGE + self.offset(position + HEADER))
            .cast_const();
        // SAFETY: it begins in the records' first copy and is no longer than that, so it ends in the
        // second one at the latest. The kernel writes there again only after the position that frees its
        // room was stored, which is after its last use (`consume`).
        unsafe { slice::from_raw_parts(start, length as usize) }
    }

    fn offset(&self, position: u64) -> usize {
        usize::try_from(position & self.mask).expect("within what is mapped")
    }
}

/// Makes the load before it an acquiring one: memory that is mapped read-only may only be loaded from
/// in a relaxed way (`std::sync::atomic`).
fn acquire<T>(loaded: T) -> T {
    fence(Ordering::Acquire);
    loaded
}

impl AsFd for RingBuffer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// A part of a file that is shared with the kernel.
#[derive(Debug)]
struct Mapping {
    start: *mut libc::c_void,
    bytes: usize,
}

impl Mapping {
    fn new(
        file: BorrowedFd<'_>,
        offset: usize,
        bytes: usize,
        protection: i32,
    ) -> Result<Self, Errno> {
        let offset = libc::off_t::try_from(offset).expect("a page or two");
        let (file, flags) = (file.as_raw_fd(), libc::MAP_SHARED);
        // SAFETY: the kernel chooses an address that nothing uses.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, file, offset) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Self { start, bytes })
    }

    /// The byte at an offset.
    fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.bytes, "within what is mapped");
        self.start.cast::<u8>().wrapping_add(offset)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping; references into it do not outlive `self`. A failure leaks it.
        unsafe { libc::munmap(self.start, self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    /// A file laid out as the kernel lays out a ring buffer; the second copy of the records is there,
    /// but is none.
    fn file() -> File {
        let file = crate::files::anonymous("ring-buffer").expect("memfd_create(2)");
        file.set_len(4 * PAGE as u64).expect("room");
        file
    }

    fn write(file: &File, offset: u64, header: u32, record: &[u8]) {
        let at = 2 * PAGE as u64 + offset;
        file.write_all_at(&header.to_ne_bytes(), at).expect("write");
        file.write_all_at(record, at + HEADER).expect("write");
    }

    fn produce(file: &File, position: u64) {
        let bytes = position.to_ne_bytes();
        file.write_all_at(&bytes, PAGE as u64).expect("write");
    }

    fn consumed(file: &File) -> u64 {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, 0).expect("read");
        u64::from_ne_bytes(bytes)
    }

    fn reader(file: &File) -> RingBuffer {
        let file = file.try_clone().expect("a descriptor");
        RingBuffer::over(file.into(), 4096).expect("mmap(2)")
    }

    fn all(ring: &mut RingBuffer) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let count = ring.consume(|record| {
            records.push(record.to_vec());
            Ok::<_, Infallible>(())
        });
        assert_eq!(count, Ok(records.len() as u64));
        records
    }

    /// A record that is not submitted hides those after it, which keeps their order.
    #[test]
    fn reading_stops_at_a_record_that_is_being_written() {
        let file = file();
        let mut ring = reader(&file);
        write(&file, 0, 5, b"first");
        write(&file, 16, BUSY | 6, b"second");
        write(&file, 32, 5, b"third");
        produce(&file, 48);
        assert_eq!(all(&mut ring), [b"first"]);
        assert_eq!(consumed(&file), 16);
        assert!(all(&mut ring).is_empty());
        write(&file, 16, 6, b"second");
        assert_eq!(all(&mut ring), [b"second".as_slice(), b"third"]);
        assert_eq!(consumed(&file), 48);
    }

    #[test]
    fn a_discarded_record_is_passed_over() {
        let file = file();
        let mut ring = reader(&file);
        write(&file, 0, DISCARDED | 0x14, b"");
        write(&file, 32, 1, b"x");
        produce(&file, 48);
        assert_eq!(all(&mut ring), [b"x"]);
        assert_eq!(consumed(&file), 48);
    }

    /// Also within a batch, so that a long one does not keep the room of all.
    #[test]
    fn the_kernel_learns_what_was_consumed() {
        let file = file();
        let mut ring = reader(&file);
        let count = 2 * u64::from(BATCH);
        for i in 0..count {
            write(&file, 16 * i, 8, &i.to_ne_bytes());
        }
        produce(&file, 16 * count);
        let mut seen = Vec::new();
        let failed = ring.consume(|record| {
            seen.push(consumed(&file));
            let record = u64::from_ne_bytes(record.try_into().expect("a word"));
            if record == count - 2 {
                Err(record)
            } else {
                Ok(())
            }
        });
        assert_eq!(failed, Err(count - 2));
        let batch = usize::try_from(BATCH).expect("a small number");
        assert_eq!((seen[batch - 1], seen[batch]), (0, 16 * u64::from(BATCH)));
        assert_eq!(
            consumed(&file),
            16 * (count - 1),
            "the one that failed, too"
        );
        assert_eq!(all(&mut ring), [(count - 1).to_ne_bytes()]);
    }
}
