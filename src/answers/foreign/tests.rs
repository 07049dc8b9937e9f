//! Replies of others, as they come and as they go.
