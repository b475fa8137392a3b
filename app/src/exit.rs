//! What the process tells its caller by its exit status. All of it is here.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked, or was asked to stop.
    Done,
    /// It could not go on: an address in use, a connection refused.
    Failed,
    /// The command line is wrong. The number is the one that shells and clap use.
    Usage,
    /// The configuration is wrong: `EX_CONFIG` of sysexits.h, so that a supervisor need not try again.
    Config,
    /// A second signal came while it was stopping: 128 + SIGINT, as a shell would say.
    Interrupted,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Config => 78,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
