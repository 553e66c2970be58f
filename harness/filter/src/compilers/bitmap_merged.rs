//! Binary match with runs of equal words merged: what the published chart of program lengths counts, though strace has
//! never shipped it.

use harness_cbpf::{Builder, Target};
use harness_syscalls::TraceSet;

use super::bitmap::{falls_to_matched, load, test, words};
use crate::Compiler;
use crate::options::Options;
use crate::section::sections;

pub(crate) struct BitmapMerged;

impl Compiler for BitmapMerged {
    fn name(&self) -> &'static str {
        "bitmap-merged"
    }

    fn summary(&self) -> &'static str {
        "as bitmap, with runs of all-zero or all-one words as a range (the published chart's)"
    }

    fn emit(&self, set: &TraceSet, options: &Options, builder: &mut Builder) {
        sections(
            set,
            options,
            builder,
            falls_to_matched,
            |section, builder| {
                load(section.abi, builder);
                let words: Vec<(u32, u32)> = (0..).zip(words(section)).collect();
                // The last word is merged only if the table fills it.
                let (whole, partial) = words.split_at(section.size() as usize / 32);
                for group in whole.chunk_by(|(_, one), (_, other)| one == other) {
                    match *group {
                        [(first, word), .., (last, _)] if word == 0 || word == u32::MAX => {
                            let below = builder.label();
                            builder.jge(first, Target::Next, below);
                            builder.jge(last + 1, Target::Next, section.to(word != 0));
                            builder.bind(below);
                        }
                        _ => {
                            for &(index, word) in group {
                                test(section, index, word, builder);
                            }
                        }
                    }
                }
                for &(index, word) in partial {
                    test(section, index, word, builder);
                }
            },
        );
    }
}
