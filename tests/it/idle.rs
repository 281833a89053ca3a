//! Nothing is recorded where nobody asked, and where someone did, nothing is harmed.

mod asked;
mod builds;
mod places;
