//! What the server says of itself: metrics and logs. It looks on from beside.

pub mod cells;
