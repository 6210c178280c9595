//! The async runtime of the commands.

use std::future::Future;

/// Runs a command. One thread is enough: commands mostly wait for the network, and each thread costs memory.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let result = runtime.block_on(command);
    // Nobody waits for a lookup that is not needed any more.
    runtime.shutdown_background();
    result
}
