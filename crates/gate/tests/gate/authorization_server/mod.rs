//! Programs that sign in at the dev tenant through an authorization server of the gate's, as MCP clients do, and those who try
//! to get something out of it that is not theirs.

mod attacks;
mod flow;
mod program;
mod redirects;
mod settings;
