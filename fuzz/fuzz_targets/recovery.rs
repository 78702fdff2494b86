#![cfg_attr(fuzzing, no_main)]
#![allow(missing_docs, reason = "the macro's main")]
x402_fuzz::target!(x402_fuzz::recovery::run);
