//! The compilers, one file each.

mod bitmap;
mod bitmap_merged;
mod linear;
mod naive;
mod optimal;
mod tree;

pub(crate) use bitmap::Bitmap;
pub(crate) use bitmap_merged::BitmapMerged;
pub(crate) use linear::Linear;
pub(crate) use naive::Naive;
pub(crate) use optimal::Optimal;
pub(crate) use tree::Tree;
