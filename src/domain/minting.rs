//! Short-lived credentials of clouds' registries: who asks whom for them with which words, what the answers mean, and when
//! they are renewed.

mod audience;
pub mod claims;
pub mod exchange;
pub mod failure;
pub mod host;
pub mod identity;
pub mod judgement;
pub mod ledger;
pub mod life;
pub mod minted;
pub mod settings;
pub mod source;
pub mod static_key;
pub mod trial;
