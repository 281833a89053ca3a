//! Paths and symbols as toolchains, registries and distributions make them.

use super::*;

/// As cargo builds a workspace: two members, a dependency each from the registry, git,
/// a vendored folder and a folder outside, and the standard library.
fn units() -> Units {
    let mut units = Units::default();
    for (name, folder) in [
        ("src/main.rs/@/app.0123-cgu.0", "/home/me/app"),
        ("src/lib.rs/@/app.4567-cgu.0", "/home/me/app"),
        (
            "crates/deep-kit/src/lib.rs/@/deep_kit.89ab-cgu.1",
            "/home/me/app",
        ),
        (
            "/c/registry/src/i-0/serde_json-1.0.1/src/lib.rs/@/serde_json.1-cgu.0",
            "/c/registry/src/i-0/serde_json-1.0.1",
        ),
        (
            "/c/git/checkouts/net-0123456789abcdef/89abcde/net-util/src/lib.rs/@/net_utilities.1-cgu.0",
            "/c/git/checkouts/net-0123456789abcdef/89abcde/net-util",
        ),
        (
            "/home/me/app/vendor/memchr/src/lib.rs/@/memchr.1-cgu.0",
            "/home/me/app/vendor/memchr",
        ),
        (
            "/home/me/other/src/lib.rs/@/other.1-cgu.0",
            "/home/me/other",
        ),
        ("library/std/src/lib.rs/@/std.1-cgu.0", STANDARD),
        ("zlib.c", "/c/registry/src/i-0/zlib-sys-1.0.0"),
    ] {
        units.add(name, folder);
    }
    units
}

const STANDARD: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860";

#[test]
fn units_tell_the_workspace() {
    let units = units();
    assert_eq!(
        units.roots.iter().collect::<Vec<_>>(),
        [Path::new("/home/me/app")]
    );
    assert!(units.has_rust && units.has_own_rust && units.has_foreign);
    let mut standard = Units::default();
    standard.add("library/std/src/lib.rs/@/std.1-cgu.0", STANDARD);
    standard.add(
        "/rust/deps/hashbrown-0.16.1/src/lib.rs/@/hashbrown.1-cgu.0",
        "/rust/deps/hashbrown-0.16.1",
    );
    assert!(standard.has_rust && !standard.has_own_rust);
}

#[test]
fn crates_by_path() {
    let units = units();
    let check = |path: &str, function: &str, krate: &str, origin: Origin, file: &str| {
        let found = by_path(Path::new(path), function, "app", &units);
        let expected = Attribution {
            krate: krate.to_owned(),
            origin,
            file: Some(file.to_owned()),
        };
        assert_eq!(found, expected, "{path}");
    };
    use Origin::{Dependency, Native, Standard, Workspace};
    let std = |rest: &str| format!("{STANDARD}/{rest}");
    check(
        &std("library/alloc/src/vec/mod.rs"),
        "f",
        "alloc",
        Standard,
        "library/alloc/src/vec/mod.rs",
    );
    check(
        &std("library/stdarch/crates/core_arch/src/x86/sse2.rs"),
        "f",
        "core_arch",
        Standard,
        "library/stdarch/crates/core_arch/src/x86/sse2.rs",
    );
    check(
        &std("library/std/src/../../backtrace/src/lib.rs"),
        "f",
        "backtrace",
        Standard,
        "library/backtrace/src/lib.rs",
    );
    check(
        "/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/mem/mod.rs",
        "f",
        "core",
        Standard,
        "library/core/src/mem/mod.rs",
    );
    check(
        "/usr/src/rustc-1.85.0/library/std/src/rt.rs",
        "f",
        "std",
        Standard,
        "library/std/src/rt.rs",
    );
    check(
        "/rust/deps/hashbrown-0.16.1/src/map.rs",
        "f",
        "hashbrown",
        Standard,
        "hashbrown-0.16.1/src/map.rs",
    );
    check(
        "/c/registry/src/i-0/serde_json-1.0.1/src/de.rs",
        "f",
        "serde_json",
        Dependency,
        "serde_json-1.0.1/src/de.rs",
    );
    check(
        "/c/registry/src/i-0/rand-core-0.9.0-alpha.1/src/lib.rs",
        "f",
        "rand_core",
        Dependency,
        "rand-core-0.9.0-alpha.1/src/lib.rs",
    );
    check(
        "/c/registry/src/i-0/zlib-sys-1.0.0/src/zlib.c",
        "deflate",
        "zlib_sys",
        Native,
        "zlib-sys-1.0.0/src/zlib.c",
    );
    check(
        "/c/git/checkouts/net-0123456789abcdef/89abcde/net-util/src/io.rs",
        "f",
        "net_utilities",
        Dependency,
        "net-89abcde/net-util/src/io.rs",
    );
    check(
        "/c/git/checkouts/one-0123456789abcdef/89abcde/src/io.rs",
        "f",
        "one",
        Dependency,
        "one-89abcde/src/io.rs",
    );
    check(
        "/home/me/app/src/main.rs",
        "app::main",
        "app",
        Workspace,
        "src/main.rs",
    );
    check(
        "/home/me/app/src/bin/x/../../shared.rs",
        "app::f",
        "app",
        Workspace,
        "src/shared.rs",
    );
    check(
        "/home/me/app/crates/deep-kit/src/a/b.rs",
        "<T as app::X>::f",
        "deep_kit",
        Workspace,
        "crates/deep-kit/src/a/b.rs",
    );
    check(
        "/home/me/app/crates/unseen/src/lib.rs",
        "f",
        "unseen",
        Workspace,
        "crates/unseen/src/lib.rs",
    );
    check(
        "/home/me/app/crates/unseen/src/lib.rs",
        "seen::f",
        "seen",
        Workspace,
        "crates/unseen/src/lib.rs",
    );
    check(
        "/home/me/app/vendor/memchr/src/arch.rs",
        "f",
        "memchr",
        Dependency,
        "vendor/memchr/src/arch.rs",
    );
    check(
        "/home/me/other/src/x.rs",
        "other::f",
        "other",
        Dependency,
        "/home/me/other/src/x.rs",
    );
    check(
        "/home/me/app/target/release/build/serde_json-0123456789abcdef/out/x.rs",
        "f",
        "serde_json",
        Dependency,
        "serde_json/out/x.rs",
    );
    check(
        "/t/release/build/deep-kit-0123456789abcdef/out/x.rs",
        "f",
        "deep_kit",
        Workspace,
        "deep-kit/out/x.rs",
    );
    check(
        "sysdeps/nptl/clone.c",
        "clone_x",
        "app",
        Native,
        "sysdeps/nptl/clone.c",
    );
}

/// Incremental compilation hides the names of crates in their units.
#[test]
fn crates_without_names() {
    let mut units = units();
    units.add(
        "tools/big-tool/src/main.rs/@/02wobugyb0mnz41usocvgeaan",
        "/home/me/app",
    );
    let check = |function: &str, krate: &str| {
        let path = Path::new("/home/me/app/tools/big-tool/src/x.rs");
        assert_eq!(
            by_path(path, function, "app", &units).krate,
            krate,
            "{function}"
        );
    };
    check("renamed::f", "renamed");
    check("f", "big_tool");
    check("<alloc::vec::Vec<T> as renamed::X>::f", "big_tool");
    check("<serde_json::Value as renamed::X>::f", "big_tool");
    for (root_file, krate) in [
        ("src/main.rs", "app"),
        ("src/bin/one.rs", "one"),
        ("src/bin/two/main.rs", "two"),
        ("crates/deep-kit/src/lib.rs", "deep_kit"),
        ("examples/first_profile.rs", "first_profile"),
    ] {
        let mut units = Units::default();
        units.add(
            &format!("{root_file}/@/02wobugyb0mnz41usocvgeaan"),
            "/home/me/app",
        );
        let found = units
            .crates
            .values()
            .next()
            .map(|found| found.name.as_str());
        assert_eq!(found, Some(krate));
    }
}

#[test]
fn crates_by_symbol() {
    let units = units();
    let check = |function: &str, mangled: bool, krate: &str, origin: Origin| {
        let found = by_symbol(function, mangled, "libz.so.1", &units);
        assert_eq!(
            (found.krate.as_str(), found.origin),
            (krate, origin),
            "{function}"
        );
    };
    check("app::main", true, "app", Origin::Workspace);
    check(
        "<deep_kit::A as core::fmt::Debug>::fmt",
        true,
        "deep_kit",
        Origin::Workspace,
    );
    check(
        "serde_json::de::from_str",
        true,
        "serde_json",
        Origin::Dependency,
    );
    check("unheard::of", true, "unheard", Origin::Dependency);
    check("core::fmt::write", true, "core", Origin::Standard);
    check("deflate", false, "libz.so.1", Origin::Native);
    check("std::vector::push", false, "libz.so.1", Origin::Native);
    // Without debug information, the program's name is all there is.
    let bare = |object: &str| by_symbol("my_app::main", true, object, &Units::NONE).origin;
    assert_eq!(bare("my-app"), Origin::Workspace);
    assert_eq!(bare("other"), Origin::Dependency);
}

#[test]
fn versions() {
    let check = |package: &str, expected: Option<(&str, &str)>| {
        assert_eq!(split_version(package), expected)
    };
    check("serde-1.0.2", Some(("serde", "1.0.2")));
    check(
        "rand-core-0.9.0-alpha.1",
        Some(("rand-core", "0.9.0-alpha.1")),
    );
    check("x-1-y-2.0.0", Some(("x-1-y", "2.0.0")));
    check("no-version", None);
    check("", None);
}
