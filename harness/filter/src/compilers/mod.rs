//! The compilers, one file each.

mod bitmap;
mod bitmap_merged;
mod linear;

pub(crate) use bitmap::Bitmap;
pub(crate) use bitmap_merged::BitmapMerged;
pub(crate) use linear::Linear;
