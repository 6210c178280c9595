//! What a person says of a login, checked field by field with the rules of the operator, and the objects that are made of
//! it. Pure: for the command line, and for whatever else shows a form.

pub mod expiring;
pub mod field;
pub mod helper;
pub mod import;
pub mod minting;
pub mod objects;
pub mod selector;
