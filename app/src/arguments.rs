//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// How people, workloads and agents come aboard Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "gangplank", version, about, arg_required_else_help = true, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gate: sign-in, forward-auth and reverse proxy
    Serve(ServeArguments),
    /// Judge a configuration without running it: every mistake at once, then who may go where
    Check(CheckArguments),
    /// Try it: an offline tenant, the gate and a sample app, all on this machine
    Dev(DevArguments),
    /// Run the offline Entra-like tenant alone
    Idp(IdpArguments),
    /// Look at a token: what it says, and who would accept it
    Token(TokenArguments),
    /// Say why a request was refused
    Explain(ExplainArguments),
    /// Say which version this is
    Version,
}

/// `gangplank serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The configuration. Drop-ins are read from the directory beside it: gangplank.toml has gangplank.d
    #[arg(long, short, value_name = "FILE", default_value = "gangplank.toml")]
    pub config: PathBuf,
}

/// `gangplank check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The configuration. Drop-ins are read from the directory beside it: gangplank.toml has gangplank.d
    #[arg(long, short, value_name = "FILE", default_value = "gangplank.toml")]
    pub config: PathBuf,
    /// Also ask each provider for its metadata and keys, and connect to each upstream
    #[arg(long)]
    pub reach: bool,
}

/// `gangplank dev`.
#[derive(Debug, Args)]
pub struct DevArguments {
    /// The gate's port. Default: 4180, or any free one if that is taken
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Also write the configuration that it runs with to a file
    #[arg(long, value_name = "FILE")]
    pub config_out: Option<PathBuf>,
    /// Show the log and the line per decision
    #[arg(long, short)]
    pub verbose: bool,
}

/// `gangplank idp`.
#[derive(Debug, Args)]
pub struct IdpArguments {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4190")]
    pub listen: SocketAddr,
    /// Users, groups and applications. Default: a built-in set
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Serve TLS with a certificate of an authority made up for this run
    #[arg(long)]
    pub tls: bool,
    /// Write that authority's certificate (PEM) to a file, to be trusted by clients
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca_out: Option<PathBuf>,
    /// Listen on an address that others can reach. Whoever reaches this tenant can be any of its users
    #[arg(long)]
    pub insecure_listen: bool,
}

/// `gangplank token`.
#[derive(Debug, Args)]
pub struct TokenArguments {
    /// What to do with it.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What to do with a token.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Decode and annotate it; nothing is verified
    Inspect(InspectArguments),
    /// Ask every issuer and authenticator of a configuration, and every route
    Verify(VerifyArguments),
}

/// `gangplank token inspect`.
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// Read the token from a file. Default: standard input
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `gangplank token verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = "gangplank.toml")]
    pub config: PathBuf,
    /// Read the token from a file. Default: standard input
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Tell only of this route
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
}

/// `gangplank explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The request id that the caller was shown
    #[arg(value_name = "REQUEST-ID")]
    pub request_id: String,
    /// The configuration of the running gate, for its metrics_listen
    #[arg(long, short, value_name = "FILE", default_value = "gangplank.toml")]
    pub config: PathBuf,
    /// Ask the gate at this address instead
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<SocketAddr>,
    /// Search a log instead; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub log: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
