//! Answers of a real node.
