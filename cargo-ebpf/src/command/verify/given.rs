//! What loaders set in the objects that are verified.

use ebpf_build::{Error, Result};
use ebpf_object::link::{Given, Unit};

use crate::{cli, code::Code, command::build::NamedObject, object_file};

/// Adds what the command line sets to what the crates of `objects` set.
///
/// # Errors
/// When no object has a map or global variable of a name on the command line.
pub(super) fn add(request: &cli::Verify, objects: &mut [NamedObject]) -> Result<()> {
    if request.map_size.is_empty() && request.set.is_empty() {
        return Ok(());
    }
    // What cannot be read is reported where it is verified.
    let data: Vec<_> = objects
        .iter()
        .filter_map(|object| object_file::read(&object.path).ok())
        .collect();
    let units: Vec<_> = data
        .iter()
        .filter_map(|data| Unit::parse(data).ok())
        .collect();
    let known = |what: &str, name: &str, has: &dyn Fn(&Unit<'_>) -> bool| {
        if units.is_empty() || units.iter().any(has) {
            return Ok(());
        }
        Err(
            Error::new(Code::NameUnknown, format!("no object has a {what} {name}"))
                .fix("cargo ebpf inspect OBJECT lists the maps"),
        )
    };
    for (name, _) in &request.map_size {
        known("map", name, &|unit| unit.has_map(name))?;
    }
    for (name, _) in &request.set {
        known("global variable", name, &|unit| unit.has_variable(name))?;
    }
    for object in objects {
        let Given {
            map_sizes, values, ..
        } = &mut object.given;
        map_sizes.extend(request.map_size.iter().cloned());
        values.extend(request.set.iter().cloned());
    }
    Ok(())
}
