//! The `--config` settings that give a build line tables, and no more than it needs:
//! whatever is set already stays, so that artifacts are shared with ordinary builds.

use std::ffi::OsString;
use std::path::PathBuf;

use toml::Value;

use super::config_files::ConfigFiles;
use super::quote;

/// What cargo's arguments say that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) profile: String,
    pub(super) target: Option<String>,
    pub(super) manifest_path: Option<PathBuf>,
}

impl Request {
    /// Reads the profile, target and manifest from arguments up to `--`.
    pub(super) fn parse(arguments: &[OsString]) -> Self {
        let words: Vec<&str> = arguments
            .iter()
            .map(|word| word.to_str().unwrap_or(""))
            .take_while(|&word| word != "--")
            .collect();
        let value = |name: &str| {
            words.iter().enumerate().find_map(|(at, word)| {
                let rest = word.strip_prefix(name)?;
                if rest.is_empty() {
                    words.get(at + 1).copied()
                } else {
                    rest.strip_prefix('=')
                }
            })
        };
        let release = words
            .iter()
            .any(|word| *word == "--release" || has_short_release(word));
        let default = match words.first() {
            Some(&"bench") => "bench",
            _ if release => "release",
            _ => "dev",
        };
        Request {
            profile: value("--profile").unwrap_or(default).to_owned(),
            target: value("--target").map(str::to_owned),
            manifest_path: value("--manifest-path").map(PathBuf::from),
        }
    }
}

/// `-r`, alone or with other flags that take no value: `-qr`.
fn has_short_release(word: &str) -> bool {
    let flags = word.strip_prefix('-').unwrap_or_default();
    flags.contains('r') && flags.chars().all(|flag| "hqrv".contains(flag))
}

/// The settings for this request.
pub(super) fn settings(request: &Request, files: &ConfigFiles) -> Vec<String> {
    // The profiles of this name and, for tests and benchmarks, of what they inherit.
    let names: &[&str] = match request.profile.as_str() {
        "dev" | "test" => &["dev", "test"],
        "bench" => &["release", "bench"],
        "release" => &["release"],
        other => return profile_settings(other, files),
    };
    names
        .iter()
        .flat_map(|name| profile_settings(name, files))
        .collect()
}

fn profile_settings(name: &str, files: &ConfigFiles) -> Vec<String> {
    let mut settings = Vec::new();
    let key = format!("profile.{}", quote(name));
    let has_tables = inherited(name, "debug", files)
        .as_ref()
        .is_some_and(has_line_tables);
    // `test` and `bench` take what they do not set from `dev` and `release`, set above.
    let follows = matches!(name, "test" | "bench") && own(name, "debug", files).is_none();
    if !(has_tables || follows) {
        settings.push(format!("{key}.debug=1"));
    }
    if inherited(name, "strip", files).as_ref().is_some_and(strips) {
        settings.push(format!("{key}.strip=\"none\""));
    }
    for (package, overrides) in files.package_overrides(name) {
        let key = format!("{key}.package.{}", quote(&package));
        if overrides
            .get("debug")
            .is_some_and(|debug| !has_line_tables(debug))
        {
            settings.push(format!("{key}.debug=1"));
        }
        if overrides.get("strip").is_some_and(strips) {
            settings.push(format!("{key}.strip=\"none\""));
        }
    }
    settings
}

fn own(profile: &str, key: &str, files: &ConfigFiles) -> Option<Value> {
    files.profile_value(profile, key)
}

/// A profile's value, or that of the profile it inherits from, or cargo's default.
fn inherited(profile: &str, key: &str, files: &ConfigFiles) -> Option<Value> {
    let mut profile = profile.to_owned();
    // A chain of profiles is short; a circle is cargo's to report.
    for _ in 0..16 {
        if let Some(value) = own(&profile, key, files) {
            return Some(value);
        }
        profile = match profile.as_str() {
            "dev" if key == "debug" => return Some(Value::Boolean(true)),
            "dev" | "release" => return None,
            "test" => "dev".to_owned(),
            "bench" => "release".to_owned(),
            other => own(other, "inherits", files)?.as_str()?.to_owned(),
        };
    }
    None
}

/// Levels 1 and 2. Not `line-tables-only`: that drops namespaces and linkage names.
fn has_line_tables(debug: &Value) -> bool {
    match debug {
        Value::Boolean(full) => *full,
        Value::Integer(level) => *level >= 1,
        Value::String(level) => matches!(level.as_str(), "1" | "2" | "limited" | "full" | "true"),
        _ => false,
    }
}

fn strips(strip: &Value) -> bool {
    match strip {
        Value::Boolean(strip) => *strip,
        Value::String(what) => what != "none",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], manifest: &str, expected: &[&str]) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let files = ConfigFiles::of_manifest(manifest);
        assert_eq!(
            settings(&Request::parse(&arguments), &files),
            expected,
            "{arguments:?} {manifest}"
        );
    }

    #[test]
    fn only_what_is_missing_is_set() {
        check(&["run"], "", &[]);
        check(&["run", "--release"], "", &["profile.\"release\".debug=1"]);
        check(&["run", "-qr"], "", &["profile.\"release\".debug=1"]);
        check(&["run", "-pr", "-r1"], "", &[]);
        check(
            &["run", "-r", "--", "--profile", "x"],
            "[profile.release]\ndebug = 1",
            &[],
        );
        check(&["run", "-r"], "[profile.release]\ndebug = \"full\"", &[]);
        check(
            &["run", "-r"],
            "[profile.release]\ndebug = \"line-tables-only\"",
            &["profile.\"release\".debug=1"],
        );
        check(&["bench"], "", &["profile.\"release\".debug=1"]);
        check(
            &["test"],
            "[profile.dev]\ndebug = false",
            &["profile.\"dev\".debug=1"],
        );
    }

    #[test]
    fn stripping_and_package_overrides_are_undone() {
        let manifest = "[profile.release]\nstrip = true\n[profile.release.package.a]\ndebug = 0\n";
        check(
            &["run", "-r"],
            manifest,
            &[
                "profile.\"release\".debug=1",
                "profile.\"release\".strip=\"none\"",
                "profile.\"release\".package.\"a\".debug=1",
            ],
        );
    }

    #[test]
    fn profiles_inherit_and_may_have_dashes() {
        let manifest = "[profile.my-ci]\ninherits = \"release\"\n[profile.release]\ndebug = 2";
        check(&["run", "--profile", "my-ci"], manifest, &[]);
        let manifest = "[profile.my-ci]\ninherits = \"release\"";
        check(
            &["run", "--profile=my-ci"],
            manifest,
            &["profile.\"my-ci\".debug=1"],
        );
    }

    #[test]
    fn targets_and_manifests_are_seen() {
        let arguments: Vec<OsString> = ["run", "--target", "x", "--manifest-path=a/Cargo.toml"]
            .iter()
            .map(OsString::from)
            .collect();
        let request = Request::parse(&arguments);
        assert_eq!(request.target.as_deref(), Some("x"));
        assert_eq!(request.manifest_path, Some(PathBuf::from("a/Cargo.toml")));
    }
}
