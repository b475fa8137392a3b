//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::telemetry::{Format, LogLevel};

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
    /// Tell API servers whose tokens are whose: their webhook for token authentication
    TokenReview(TokenReviewArguments),
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
    /// Make static keys for programs, and the lines that a gate knows them by
    Keys(KeysArguments),
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

/// `gangplank token-review`.
#[derive(Clone, Debug, Args)]
pub struct TokenReviewArguments {
    /// Whose tokens are good: an AuthenticationConfiguration, as kube-apiserver itself reads it
    #[arg(long, value_name = "FILE")]
    pub authentication_config: PathBuf,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// The certificate to serve with, and its chain (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_cert: PathBuf,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_key: PathBuf,
    /// Answer those only who have a certificate of these authorities (PEM). Without it, whoever reaches the webhook can
    /// try tokens
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// An audience that every accepted token is good for, besides its own. May be repeated
    #[arg(long = "audience", value_name = "AUDIENCE")]
    pub audiences: Vec<String>,
    /// Let issuers give names that begin with system:, all but system:masters and those of anonymous and authenticated
    /// users
    #[arg(long)]
    pub allow_reserved: bool,
    /// A host, besides an issuer's own, from which distributed groups may be fetched. May be repeated
    #[arg(long = "claim-host", value_name = "HOST")]
    pub claim_hosts: Vec<String>,
    /// Answer at this path only. Default: at any
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Put a text with the request's id into refusals. The API server logs it, and then asks again each time instead of
    /// remembering the refusal
    #[arg(long)]
    pub error_texts: bool,
    /// The address of /metrics, /healthz and /readyz, without TLS. Default: health is on the other listener, metrics nowhere
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: Format,
    /// How much is said
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LogLevel,
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

/// `gangplank keys`.
#[derive(Debug, Args)]
pub struct KeysArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Draw a key: printed once, with its line for the file of keys
    New(NewKeyArguments),
    /// Read a key from standard input, and print its line for the file of keys
    Hash(HashKeyArguments),
}

/// `gangplank keys new`.
#[derive(Debug, Args)]
pub struct NewKeyArguments {
    /// The public name of the key, for logs: who uses it, and where
    #[arg(long, value_name = "ID")]
    pub id: String,
    /// Who presents the key.
    #[command(flatten)]
    pub attributes: KeyAttributes,
    /// Append the line to a file of keys instead of printing it
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `gangplank keys hash`.
#[derive(Debug, Args)]
pub struct HashKeyArguments {
    /// The public name of the key, for logs. Default: ID, to be replaced
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Who presents the key.
    #[command(flatten)]
    pub attributes: KeyAttributes,
}

/// What the gate is to make of whoever presents a key.
#[derive(Debug, Args)]
pub struct KeyAttributes {
    /// The user name. Default: the id
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Groups, with commas between them
    #[arg(long, value_name = "A,B")]
    pub groups: Option<String>,
    /// Application roles, with commas between them
    #[arg(long, value_name = "A,B")]
    pub roles: Option<String>,
    /// Scopes, with commas between them
    #[arg(long, value_name = "A,B")]
    pub scopes: Option<String>,
    /// The tenant
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// When it ends: 2027-01-01T00:00:00Z, or from now on 90d
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
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
