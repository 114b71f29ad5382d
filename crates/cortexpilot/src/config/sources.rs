//! The environment over the file, and what came of reading them: values with their origin, problems, warnings.

use std::path::{Path, PathBuf};

use cortexpilot_core::domain::principal::Roles;
use cortexpilot_core::domain::text::escape;

use super::environment::Environment;
use super::file::{self, FILE};
use super::table::{self, Variable};
use super::{Origin, Shown, near, roots, value};

/// A value as it was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// The environment over the file, and what came of reading them.
pub(super) struct Sources {
    given: Vec<(Variable, Given)>,
    /// What the file says where the environment says something too: kept, because a file may still tighten.
    outvoted: Vec<(Variable, Given)>,
    overridden: Vec<Variable>,
    shown: Vec<(Variable, String)>,
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Sources {
    pub(super) fn of(environment: &Environment) -> Self {
        let mut sources = Self {
            given: Vec::new(),
            outvoted: Vec::new(),
            overridden: Vec::new(),
            shown: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        let mut strange = Vec::new();
        for (name, value) in &environment.variables {
            let Some(name) = name.to_str() else { continue };
            match (table::VARIABLES.iter().find(|variable| variable.name == name), value.to_str()) {
                (Some(variable), Some(text)) => sources.take(*variable, text, Origin::Environment),
                (Some(variable), None) => sources.problems.push(format!("{} is not UTF-8", variable.name)),
                (None, _) => match near::meant(name) {
                    Some(meant) => sources.problems.push(format!(
                        "{} is no variable of CortexPilot; {} is meant? A mistyped name is refused, because its default could be the wider one",
                        escape(name),
                        meant.name
                    )),
                    None if name.starts_with("CORTEXPILOT_") => strange.push(escape(name)),
                    None => {}
                },
            }
        }
        strange.sort();
        let ignored = |name: &String| format!("{name} is no variable of CortexPilot and is ignored");
        sources.warnings.extend(strange.iter().map(ignored));
        sources
    }

    /// Blank is not set: for every variable, so that `X=` in a service file means the same everywhere.
    pub(super) fn take(&mut self, variable: Variable, text: &str, origin: Origin) {
        if !text.trim().is_empty() {
            self.given.push((variable, Given { text: text.to_owned(), origin }));
        }
    }

    pub(super) fn read_file(&mut self, base: &Path) {
        let file = file::read(base);
        self.problems.extend(file.problems);
        for (variable, text) in file.values {
            let origin = Origin::File(base.join(FILE));
            if self.text(&variable).is_none() {
                self.take(variable, &text, origin);
            } else if !text.trim().is_empty() {
                self.outvoted.push((variable, Given { text, origin }));
            }
        }
    }

    /// What the file says about a variable that the environment sets as well.
    pub(super) fn outvoted(&self, variable: &Variable) -> Option<Given> {
        self.outvoted.iter().find(|(outvoted, _)| outvoted == variable).map(|(_, given)| given.clone())
    }

    /// Takes note that the file's value holds, because it is the stricter one.
    pub(super) fn tightened(&mut self, variable: &Variable) {
        let Some(Given { text, origin: Origin::File(path) }) = self.outvoted(variable) else { return };
        self.given.retain(|(given, _)| given != variable);
        self.given.push((*variable, Given { text, origin: Origin::Stricter(path) }));
    }

    pub(super) fn text(&self, variable: &Variable) -> Option<Given> {
        self.given.iter().find(|(given, _)| given == variable).map(|(_, given)| given.clone())
    }

    pub(super) fn parsed<T>(&mut self, variable: &Variable, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let given = self.text(variable)?;
        match parse(&given.text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem(variable, &problem);
                None
            }
        }
    }

    pub(super) fn roles(&mut self, variable: &Variable) -> Option<Roles> {
        self.parsed(variable, value::roles).flatten()
    }

    pub(super) fn resolved(&mut self, variable: &Variable, against: &Path, stated: &str) -> PathBuf {
        roots::resolve(against, stated).unwrap_or_else(|problem| {
            self.problem(variable, &problem);
            against.join(stated)
        })
    }

    /// Takes note that the command line stands in a variable's place.
    pub(super) fn overridden<T>(&mut self, variable: &Variable, stated: Option<T>) -> Option<T> {
        if stated.is_some() {
            self.overridden.push(*variable);
        }
        stated
    }

    pub(super) fn problem(&mut self, variable: &Variable, problem: &str) {
        self.problem_at(&self.origin(variable), variable, problem);
    }

    /// The same, about a value that is not the one that holds.
    pub(super) fn problem_at(&mut self, origin: &Origin, variable: &Variable, problem: &str) {
        let place = match origin {
            Origin::Default | Origin::Environment => variable.name.to_owned(),
            Origin::File(path) | Origin::Stricter(path) => {
                format!("{}: `{}`", path.display(), variable.key.unwrap_or(variable.name))
            }
            Origin::Flag => "the command line".to_owned(),
        };
        self.problems.push(format!("{place} {problem}"));
    }

    pub(super) fn origin(&self, variable: &Variable) -> Origin {
        if self.overridden.contains(variable) {
            return Origin::Flag;
        }
        self.text(variable).map_or(Origin::Default, |given| given.origin)
    }

    pub(super) fn show(&mut self, variable: &Variable, value: String) {
        self.shown.push((*variable, value));
    }

    pub(super) fn shown(&self) -> Vec<Shown> {
        let shown = |variable: &Variable| {
            let value = self.shown.iter().find(|(shown, _)| shown == variable).map(|(_, value)| value.clone());
            Shown { variable: *variable, value: value.unwrap_or_default(), origin: self.origin(variable) }
        };
        table::VARIABLES.iter().map(shown).collect()
    }
}
