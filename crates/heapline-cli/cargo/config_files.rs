//! What cargo's configuration says: the workspace's manifest, the `.cargo/config.toml`
//! files above the working directory, and the variables that stand for them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

/// The files' contents, the strongest first.
#[derive(Debug, Default)]
pub(super) struct ConfigFiles {
    configs: Vec<ConfigFile>,
    manifest: Table,
}

#[derive(Debug)]
struct ConfigFile {
    /// Paths in the file are relative to the folder that `.cargo` lies in.
    base: PathBuf,
    table: Table,
}

/// The runner that the user has for a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UserRunner {
    /// Program and arguments; none where there is no runner.
    pub(super) words: Vec<String>,
    /// Whether a file has it as one text: cargo then wants a text from others, too.
    pub(super) is_text: bool,
}

/// Reads what can be read; what cannot is for cargo to complain about.
pub(super) fn read(cargo: &OsString, manifest_path: Option<&Path>) -> ConfigFiles {
    let manifest = workspace_manifest(cargo, manifest_path).and_then(|path| read_table(&path));
    let here = std::env::current_dir().unwrap_or_default();
    let mut folders: Vec<PathBuf> = here
        .ancestors()
        .map(|folder| folder.join(".cargo"))
        .collect();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    folders.extend(home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))));
    let configs = folders.iter().filter_map(|folder| {
        let table = read_table(&folder.join("config"))
            .or_else(|| read_table(&folder.join("config.toml")))?;
        let base = folder.parent().unwrap_or(folder).to_owned();
        Some(ConfigFile { base, table })
    });
    ConfigFiles {
        configs: configs.collect(),
        manifest: manifest.unwrap_or_default(),
    }
}

fn workspace_manifest(cargo: &OsString, manifest_path: Option<&Path>) -> Option<PathBuf> {
    let mut command = Command::new(cargo);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    if let Some(path) = manifest_path {
        command.arg("--manifest-path").arg(path);
    }
    let output = command.output().ok()?;
    Some(PathBuf::from(
        String::from_utf8(output.stdout).ok()?.trim_end(),
    ))
}

fn read_table(path: &Path) -> Option<Table> {
    std::fs::read_to_string(path).ok()?.parse().ok()
}

impl ConfigFiles {
    #[cfg(test)]
    pub(super) fn of_manifest(text: &str) -> Self {
        ConfigFiles {
            configs: Vec::new(),
            manifest: text.parse().unwrap_or_default(),
        }
    }

    /// `profile.NAME.KEY`, from the environment, the configuration, the manifest.
    pub(super) fn profile_value(&self, profile: &str, key: &str) -> Option<Value> {
        let name = format!(
            "CARGO_PROFILE_{}_{}",
            profile.to_uppercase().replace('-', "_"),
            key.to_uppercase()
        );
        if let Ok(text) = std::env::var(name) {
            return Some(match text.parse::<i64>() {
                Ok(number) => Value::Integer(number),
                Err(_) if text == "true" || text == "false" => Value::Boolean(text == "true"),
                Err(_) => Value::String(text),
            });
        }
        self.files()
            .find_map(|file| lookup(file, &["profile", profile, key]).cloned())
    }

    /// The packages that a profile has settings of their own for.
    pub(super) fn package_overrides(&self, profile: &str) -> Vec<(String, Table)> {
        self.files()
            .filter_map(|file| lookup(file, &["profile", profile, "package"])?.as_table())
            .flat_map(|packages| packages.iter())
            .filter_map(|(name, overrides)| Some((name.clone(), overrides.as_table()?.clone())))
            .collect()
    }

    /// The target that builds are for by default, if it is not the host.
    pub(super) fn default_target(&self) -> Option<String> {
        if let Ok(target) = std::env::var("CARGO_BUILD_TARGET") {
            return Some(target);
        }
        let target = self
            .files()
            .find_map(|file| lookup(file, &["build", "target"]));
        target.and_then(Value::as_str).map(str::to_owned)
    }

    /// The runner that the user has for this target.
    pub(super) fn runner(&self, triple: &str) -> UserRunner {
        let name = format!(
            "CARGO_TARGET_{}_RUNNER",
            triple.to_uppercase().replace(['-', '.'], "_")
        );
        let found = self.configs.iter().find_map(|file| {
            let runner = lookup(&file.table, &["target", triple, "runner"])?;
            Some((file, runner))
        });
        let is_text = found.is_some_and(|(_, runner)| runner.is_str());
        let words = match (std::env::var(name), found) {
            (Ok(text), _) => text.split_whitespace().map(str::to_owned).collect(),
            (_, Some((file, runner))) => file.runner_words(runner),
            _ => Vec::new(),
        };
        UserRunner { words, is_text }
    }

    fn files(&self) -> impl Iterator<Item = &Table> {
        let configs = self.configs.iter().map(|file| &file.table);
        configs.chain([&self.manifest])
    }
}

impl ConfigFile {
    /// A runner's program and arguments; a program with a slash is a path.
    fn runner_words(&self, runner: &Value) -> Vec<String> {
        let mut words: Vec<String> = match runner {
            Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
            Value::Array(words) => words
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
            *program = self.base.join(&*program).to_string_lossy().into_owned();
        }
        words
    }
}

fn lookup<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runner: &str, words: &[&str], is_text: bool) {
        let text = format!("[target.some-triple]\nrunner = {runner}");
        let files = ConfigFiles {
            configs: vec![ConfigFile {
                base: PathBuf::from("/base"),
                table: text.parse().expect("TOML"),
            }],
            manifest: Table::new(),
        };
        let words = words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(files.runner("some-triple"), UserRunner { words, is_text });
    }

    #[test]
    fn runners_are_texts_or_lists() {
        check("\"env A=b\"", &["env", "A=b"], true);
        check("[\"env\", \"A=b c\"]", &["env", "A=b c"], false);
        check("\"tools/wrap -v\"", &["/base/tools/wrap", "-v"], true);
        check("[\"/bin/nice\"]", &["/bin/nice"], false);
    }
}
