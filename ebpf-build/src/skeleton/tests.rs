use ebpf_object::{Map, Object};

use super::*;

fn object(name: &str) -> Vec<u8> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../cargo-ebpf/tests");
    fs::read(format!("{directory}/{name}.o")).unwrap()
}

/// A loader with these dependencies.
pub(super) fn loader(dependencies: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"loader\"\nversion = \"0.1.0\"\n\n\
         [dependencies]\n{dependencies}\n\n[workspace]\n"
    );
    fs::write(root.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(root.path().join("src")).unwrap();
    fs::write(root.path().join("src/lib.rs"), "").unwrap();
    root
}

/// The skeleton of an object for a loader with these dependencies.
fn skeleton(content: &[u8], dependencies: &str, replaced: &Replaced) -> String {
    let root = loader(dependencies);
    let types = Types::of(root.path(), replaced.clone());
    write(root.path(), "watch", content, &types).unwrap();
    fs::read_to_string(root.path().join("watch.skel.rs")).unwrap()
}

/// The fields of the maps, and the setters of the global variables.
fn types(skeleton: &str) -> Vec<&str> {
    let lines = skeleton.lines().map(str::trim);
    lines
        .filter(|line| line.contains("::aya::maps::MapData") || line.contains("value: "))
        .filter(|line| line.starts_with("pub "))
        .collect()
}

#[test]
fn the_whole_skeleton() {
    let shared = "shared = { package = \"watch-common\", version = \"1\" }";
    let text = skeleton(&object("pipeline/skeleton/watch"), shared, &Replaced::new());
    insta::assert_snapshot!(text);
}

#[test]
fn without_dwarf_types_come_from_btf() {
    let text = skeleton(&object("objects/aya-btf"), "", &Replaced::new());
    insta::assert_snapshot!(types(&text).join("\n"), @r"
    pub fn pid(&mut self, value: u32) -> &mut Self {
    pub counts: ::aya::maps::HashMap<::aya::maps::MapData, u64, [u32; 3]>,
    pub events: ::aya::maps::RingBuf<::aya::maps::MapData>,
    pub limits: ::aya::maps::Array<::aya::maps::MapData, u16>,
    pub per_cpu: ::aya::maps::PerCpuArray<::aya::maps::MapData, [u64; 4]>,
    ");
}

#[test]
fn a_type_that_is_not_shared_is_bytes() {
    let text = skeleton(&object("pipeline/skeleton/watch"), "", &Replaced::new());
    let shared: Vec<_> = types(&text)
        .into_iter()
        .filter(|line| line.contains("traffic") || line.contains("start"))
        .collect();
    insta::assert_snapshot!(shared.join("\n"), @r"
    pub fn start(&mut self, value: [u8; 16]) -> &mut Self {
    pub traffic: ::aya::maps::Array<::aya::maps::MapData, [u8; 16]>,
    ");
}

#[test]
fn a_type_is_replaced_by_its_path() {
    let replaced = Replaced::from([("watch::Own".to_owned(), "crate::Own".to_owned())]);
    let text = skeleton(&object("pipeline/skeleton/watch"), "", &replaced);
    let own = "pub own: ::aya::maps::HashMap<::aya::maps::MapData, [u8; 16], crate::Own>,";
    assert!(types(&text).contains(&own), "{text}");
}

#[test]
fn maps_of_c_have_their_types() {
    let text = skeleton(&object("objects/libbpf-el"), "", &Replaced::new());
    insta::assert_snapshot!(types(&text).join("\n"), @r"
    pub fn total(&mut self, value: i64) -> &mut Self {
    pub pids: ::aya::maps::HashMap<::aya::maps::MapData, i32, i64>,
    ");
}

#[test]
fn a_map_that_aya_does_not_have_is_any_map() {
    let types = Types::of(Path::new("/"), Replaced::new());
    let object = Object::parse(&object("pipeline/skeleton/watch")).unwrap();
    let mut map: Map = object.maps.first().unwrap().clone();
    map.definition.as_mut().unwrap().map_type = "arena".to_owned();
    assert_eq!(map::aya_type(&map, None, &types).unwrap(), map::ANY);
    map.definition = None;
    assert_eq!(map::aya_type(&map, None, &types).unwrap(), map::ANY);
}

/// A name in an object may be anything.
#[cfg(feature = "relocatable")]
#[test]
fn no_name_ends_its_comment_or_its_string() {
    use ebpf_object::Name;

    use super::{model::Named, name::Scope};

    let name = || Name::from("a\"\n} pub fn b() { //\u{202e}\r*/ {");
    let identifier = || Scope::default().identifier(name().as_str());
    let sections = [
        "xdp",
        "fentry/x\"\\\n",
        "kprobe/a+b",
        "tracepoint/a\"/b",
        "?",
    ];
    let programs = sections.map(|section| Named {
        name: name(),
        identifier: identifier(),
        of: model::Program {
            section: Name::from(section),
            kind: program::kind(section),
        },
    });
    let model = Model {
        programs: programs.into(),
        maps: vec![Named {
            name: name(),
            identifier: identifier(),
            of: map::ANY.to_owned(),
        }],
        globals: vec![Named {
            name: name(),
            identifier: identifier(),
            of: model::Global {
                section: name(),
                rust_type: "u8".to_owned(),
                plain: "value",
            },
        }],
    };
    let file = syn::parse_file(&text::of(name().as_str(), &model)).unwrap();
    assert_eq!(file.items.len(), 2);
}

#[test]
fn without_an_object_the_loader_does_not_compile() {
    let text = skeleton(b"not an object", "", &Replaced::new());
    let message =
        "::core::compile_error!(\"the skeleton of the eBPF object watch was not generated: ";
    assert!(text.starts_with(message), "{text}");
}

#[test]
fn a_stub_keeps_the_last_skeleton() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("watch.skel.rs");
    let read = || fs::read_to_string(&path).unwrap();
    keep(root.path(), "watch", "no \"linker\"; run setup").unwrap();
    assert_eq!(
        read(),
        "::core::compile_error!(\"the skeleton of the eBPF object watch was not generated: \
         no \\\"linker\\\"; run setup\");\n"
    );
    keep(root.path(), "watch", "another reason").unwrap();
    assert!(read().contains("another reason"));
    fs::write(&path, "mod skeleton {}").unwrap();
    keep(root.path(), "watch", "no linker").unwrap();
    assert_eq!(read(), "mod skeleton {}");
}
