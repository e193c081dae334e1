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
    let known = |has: &dyn Fn(&Unit<'_>) -> bool| units.is_empty() || units.iter().any(has);
    let unknown = |what: &str, option: &str, list: &str| {
        Error::new(
            Code::NameUnknown,
            format!("no object defines the {what} ({option})"),
        )
        .fix(list)
    };
    for (name, _) in &request.map_size {
        if !known(&|unit| unit.has_map(name)) {
            let what = format!("map {name}");
            let list = "list the maps of an object: cargo ebpf inspect OBJECT";
            return Err(unknown(&what, "--map-size", list));
        }
    }
    for (name, _) in &request.set {
        if !known(&|unit| unit.has_variable(name)) {
            let what = format!("global variable {name}");
            let list = "list the symbols of an object: llvm-readelf -s OBJECT";
            return Err(unknown(&what, "--set", list));
        }
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
