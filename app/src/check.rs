//! `gangplank check`: judges a configuration without running it.

mod reach;
mod summary;

use std::sync::Arc;

use gangplank_gate::Gate;

use crate::arguments::CheckArguments;
use crate::exit::Exit;
use crate::serve::{Parts, SharedEnvironment};
use crate::{console, document, environment};

/// Says what is wrong, or who may go where.
pub async fn run(arguments: &CheckArguments) -> Exit {
    let environment: SharedEnvironment = Arc::new(environment::variable);
    let wired = document::load(&arguments.config).and_then(|loaded| Parts::new(environment).wire(loaded));
    let (config, gate, traces) = match wired {
        Ok(wired) => (wired.loaded.value, wired.gate, wired.traces),
        Err(report) => {
            console::complain(&report.render(console::colour()));
            console::complain(&format!("{} in {}\n", report.summary(), arguments.config.display()));
            return Exit::Config;
        }
    };
    console::say(&summary::text(&config));
    for warning in Gate::warnings(&config) {
        console::say(&format!("\nwarning: {warning}\n"));
    }
    if !arguments.reach {
        return Exit::Done;
    }
    let found = reach::all(&config, &gate, traces.as_ref()).await;
    console::say(&found.text);
    if found.all_reached { Exit::Done } else { Exit::Failed }
}
