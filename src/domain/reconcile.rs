//! The centre of the operator: from what was observed of one resource to what is done about it.

pub mod change;
pub mod decide;
pub mod fair_queue;
pub mod memory;
pub mod observed;
pub mod own_writes;
pub mod refusal;
pub mod retry;
pub mod throttle;
pub mod timers;
pub mod trigger;
pub mod work_set;
