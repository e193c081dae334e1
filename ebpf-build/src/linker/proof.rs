//! Which linkers have linked a probe of which compilers, remembered in the cache.

use std::path::Path;

use super::{cache, probe};
use crate::{Finding, Result, file::write_atomically, toolchain::Toolchain};

/// Has `linker` link a probe, unless it is known to have done so. `None` is success.
pub(super) fn prove(toolchain: &Toolchain, linker: &Path) -> Result<Option<Finding>> {
    // A cache that cannot be used only costs time.
    let proof = cache::proof(toolchain, linker).ok();
    if proof.as_ref().is_some_and(|proof| proof.is_file()) {
        return Ok(None);
    }
    let rejection = probe::link(toolchain, linker)?;
    if rejection.is_none()
        && let Some(proof) = proof
    {
        let _ = write_atomically(&proof, linker.as_os_str().as_encoded_bytes());
    }
    Ok(rejection)
}
