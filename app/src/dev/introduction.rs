//! What `gangplank dev` says when it is ready: what to open, as whom, and what to try.

use std::fmt::Write as _;
use std::net::SocketAddr;

use gangplank_idp::{API_ID, DOMAIN, PUBLIC_CLIENT_ID, Tenant, TenantConfig};
use gangplank_net::SystemClock;
use gangplank_oauth::Clock;

use super::configuration::SCOPE;

/// Whose token stands in the `curl` line: one of few groups, so that it is short.
const CALLER: &str = "dana";

/// The group that the gate lets in, as the built-in tenant names it.
const LET_IN: &str = "demo-users";

/// The whole of it.
pub(super) fn text(gate: SocketAddr, tenant: &Tenant, users: &TenantConfig, configuration: &str) -> String {
    let mut text = String::from("A tenant, the gate and a sample app are running on this machine.\n\n");
    let _ = writeln!(text, "  Open     http://{gate}/");
    for (i, ((username, _), user)) in tenant.users().zip(&users.users).enumerate() {
        let label = if i == 0 { "Pick" } else { "" };
        let count = user.groups.len() + user.more_groups;
        let groups = match count {
            0 => "in no group".to_owned(),
            1 => "in 1 group".to_owned(),
            201.. => format!("in {count} groups, more than a token carries"),
            _ => format!("in {count} groups"),
        };
        let fate = if user.groups.iter().any(|g| g == LET_IN) { "sees the app" } else { "gets a 403 page" };
        let _ = writeln!(text, "  {label:<8} {username:<17} {groups}: {fate}");
    }
    let _ = writeln!(text, "\n  Try      curl -i http://{gate}/");
    text.push_str("           401: an API caller is not sent to a sign-in page\n");
    let scope = format!("{API_ID}/.default");
    if let Ok(token) = tenant.mint_access_token(CALLER, PUBLIC_CLIENT_ID, &scope, SystemClock.now()) {
        let _ = writeln!(text, "\n  Try      curl -i http://{gate}/ -H 'Accept: application/json' \\");
        let _ = writeln!(text, "             -H 'Authorization: Bearer {token}'");
        let _ = writeln!(text, "           200: {CALLER}, with a token of her own");
    }
    calls(&mut text, gate, tenant);
    let _ = writeln!(text, "\n  Tenant   {}/", tenant.base_url());
    text.push_str("  Runs with this configuration:\n\n");
    for line in configuration.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("\nStop with Ctrl-C.\n");
    text.replace("  \n", "\n")
}

/// What to try besides the app: a call with an exchanged token, and the MCP server.
fn calls(text: &mut String, gate: SocketAddr, tenant: &Tenant) {
    let token = format!("{}/{DOMAIN}/oauth2/v2.0/token", tenant.base_url());
    let _ = writeln!(text, "\n  API      http://{gate}/api");
    let _ = writeln!(text, "           TOKEN=$(curl -s {token} \\");
    let _ = writeln!(text, "             -d grant_type=password -d username={CALLER}@{DOMAIN} -d password={CALLER} \\");
    let _ = writeln!(text, "             -d client_id={PUBLIC_CLIENT_ID} \\");
    let _ = writeln!(text, "             -d scope={SCOPE} \\");
    text.push_str("             | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')\n");
    let _ = writeln!(text, "           curl http://{gate}/api -H \"Authorization: Bearer $TOKEN\"");
    let _ = writeln!(text, "           the API got another token: {CALLER}'s still, and for the API only");
    let _ = writeln!(text, "\n  MCP      http://{gate}/mcp");
    text.push_str("           npx @modelcontextprotocol/inspector, or any client that speaks Streamable HTTP\n");
    text.push_str("           tools whoami and, for who sees the app, call-api\n");
}
