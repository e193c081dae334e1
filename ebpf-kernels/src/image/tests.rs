//! What is chosen from the cache: none of this may start apt.

use std::{fs, path::Path};

use ebpf_base::progress::Silent;
use test_support::kernel_package;

use super::{cache::KernelCache, *};
use crate::process::PlainSpawner;

/// A cache with Linux 6.1 (an old and a new one) and 7.3, and no apt.
fn fill(root: &Path) {
    let cache = KernelCache::new(root.to_owned());
    for (package, version) in [
        ("linux-image-6.1.0-58-cloud-arm64", "6.1.193-1"),
        ("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
        ("linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"),
        ("linux-binary-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
    ] {
        let mut available = AvailablePackage {
            version: version.to_owned(),
            package: package.to_owned(),
            suite: "bookworm".to_owned(),
            bytes: 0,
            sha256: String::new(),
        };
        let image = match available.architecture() {
            Architecture::X86_64 => kernel_package::boot_image(package),
            Architecture::Arm64 => kernel_package::arm64_image(package),
        };
        let workplace = cache.workplace().unwrap();
        let deb = workplace.path().join("x.deb");
        // The newer layout for the newer kernel.
        let place = &available.places()[usize::from(version.starts_with('7'))];
        // One package has no configuration.
        let config = &available.configuration_places()[0];
        let files: &[(&str, &[u8])] = match package {
            "linux-image-6.1.0-50-cloud-amd64" => &[(place, &image)],
            _ => &[(config, package.as_bytes()), (place, &image)],
        };
        fs::write(&deb, kernel_package::package(files)).unwrap();
        available.sha256 = digest::of_file(&deb).unwrap().0;
        let image = cache.put(&available, &deb, workplace).unwrap();
        let expected = (files.len() > 1).then(|| package.as_bytes().to_vec());
        assert_eq!(image.configuration(), expected);
    }
}

fn choose(root: &Path, list: &str) -> Result<Vec<String>> {
    let read = |one| KernelSpec::parse_for(one, Some(Architecture::X86_64)).unwrap();
    let specs: Vec<KernelSpec> = list.split(',').map(read).collect();
    let targets = Kernels::new(root, &PlainSpawner, &Silent).resolve(&specs)?;
    let name = |target| match target {
        KernelTarget::Host => "host".to_owned(),
        KernelTarget::Image(image) => image.version,
    };
    Ok(targets.into_iter().map(name).collect())
}

#[test]
fn the_newest_that_is_cached_is_taken_without_apt() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    assert_eq!(
        choose(folder.path(), "7.3,host,6.1,7.3,host").unwrap(),
        ["7.3.4-1~bpo13+1", "host", "6.1.192-2"]
    );
    assert!(!folder.path().join("apt").exists());
}

#[test]
fn each_architecture_has_its_images() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    assert_eq!(
        choose(folder.path(), "6.1/arm64,6.1").unwrap(),
        ["6.1.193-1", "6.1.192-2"]
    );
    let path = "images/6.1.0-58-cloud-arm64_6.1.193-1/image.json";
    let text = fs::read_to_string(folder.path().join(path)).unwrap();
    assert!(text.contains("\"architecture\": \"arm64\""), "{text}");
    // One of before there were others.
    let path = "images/6.1.0-56-cloud-amd64_6.1.192-2/image.json";
    let text = fs::read_to_string(folder.path().join(path)).unwrap();
    let old = text.replace("\"architecture\": \"x86_64\",", "");
    assert_ne!(old, text);
    fs::write(folder.path().join(path), old).unwrap();
    assert_eq!(choose(folder.path(), "6.1").unwrap(), ["6.1.192-2"]);
    let cache = KernelCache::new(folder.path().to_owned());
    for (architecture, apt) in [
        (Architecture::X86_64, "apt"),
        (Architecture::Arm64, "apt-arm64"),
    ] {
        assert_eq!(cache.apt(architecture).unwrap(), folder.path().join(apt));
    }
}

#[test]
fn a_damaged_image_gives_way_to_an_older_one() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let newest = folder.path().join("images/6.1.0-56-cloud-amd64_6.1.192-2");
    fs::write(newest.join("vmlinuz"), "half").unwrap();
    assert_eq!(choose(folder.path(), "6.1").unwrap(), ["6.1.176-1"]);
    fs::write(newest.join("image.json"), "{").unwrap();
    assert_eq!(choose(folder.path(), "6.1").unwrap(), ["6.1.176-1"]);
}

#[test]
fn a_package_with_another_hash_is_never_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let cache = KernelCache::new(folder.path().to_owned());
    let available = AvailablePackage {
        version: "6.1.1-1".to_owned(),
        package: "linux-image-6.1.0-1-cloud-amd64".to_owned(),
        suite: "sid".to_owned(),
        bytes: 0,
        sha256: "0".repeat(64),
    };
    let workplace = cache.workplace().unwrap();
    let deb = workplace.path().join("x.deb");
    fs::write(
        &deb,
        kernel_package::package(&[(&available.places()[0], b"x")]),
    )
    .unwrap();
    let error = cache.put(&available, &deb, workplace).unwrap_err();
    assert_eq!(error.code(), "kernel-package-changed");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_image_that_the_user_names_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bzImage");
    fs::write(&path, kernel_package::boot_image("6.9.1-mine")).unwrap();
    let list = path.display().to_string();
    assert_eq!(choose(folder.path(), &list).unwrap(), ["6.9.1-mine"]);
    fs::write(&path, kernel_package::arm64_image("6.9.1-mine")).unwrap();
    let image = Image::open(&path).unwrap();
    assert_eq!(image.architecture, Architecture::Arm64);
    assert_eq!(image.release, "6.9.1-mine");
    // Its name has the architecture once.
    assert_eq!(
        label("6.9-cloud-arm64", Architecture::Arm64),
        "6.9-cloud-arm64"
    );
    assert_eq!(label("6.9.aarch64", Architecture::Arm64), "6.9.aarch64");
    fs::write(&path, "text").unwrap();
    assert_eq!(
        choose(folder.path(), &list).unwrap_err().code(),
        "kernel-image-invalid"
    );
}
