//! What is kept, what is shown, and for how long.
