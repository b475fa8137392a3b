//! The entry: arguments, a runtime, the command, an exit status.

use std::process::ExitCode;

use clap::Parser;
use gangplank::arguments::{Arguments, Command};
use gangplank::exit::Exit;
use gangplank::{check, console, dev, explain, idp, keys, serve, token, token_review};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console::complain(&format!("error: no threads to run on: {error}\n"));
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(async {
        match &arguments.command {
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::TokenReview(arguments) => token_review::run(arguments).await,
            Command::Check(arguments) => check::run(arguments).await,
            Command::Dev(arguments) => dev::run(arguments).await,
            Command::Idp(arguments) => idp::run(arguments).await,
            Command::Token(arguments) => token::run(arguments).await,
            Command::Explain(arguments) => explain::run(arguments).await,
            Command::Keys(arguments) => keys::run(arguments),
            Command::Version => version(),
        }
    });
    // What still runs on other threads has had its time.
    runtime.shutdown_background();
    exit.into()
}

fn version() -> Exit {
    console::say(concat!("gangplank ", env!("CARGO_PKG_VERSION"), "\n"));
    Exit::Done
}
