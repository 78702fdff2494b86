//! payment x offer x now.
