//! The branding of the pages, and the two files that they load.
//!
//! File names carry a digest of the content, so that they are cached for ever and never stale.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use gangplank_oauth::config::ConfigError;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};
use url::Url;

use super::colour::Colour;
use crate::body::Body;
use crate::config::PagesConfig;

const STYLESHEET: &str = include_str!("../../static/gate.css");
const DEFAULT_ACCENT: &str = "#0b5cad";
/// A logo is sent with every first page; a larger one is a mistake.
const LARGEST_LOGO: u64 = 256 * 1024;

/// What `[pages]` says.
#[derive(Debug)]
pub(super) struct Brand {
    pub(super) title: String,
    pub(super) footer: Option<String>,
    pub(super) support: Option<String>,
    /// Its path.
    pub(super) stylesheet: String,
    /// Its path.
    pub(super) logo: Option<String>,
    stylesheet_file: Bytes,
    logo_file: Option<(Bytes, &'static str)>,
}

impl Brand {
    pub(super) fn read(config: &PagesConfig, prefix: &str) -> Result<Brand, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let accent = config.accent.as_deref().unwrap_or(DEFAULT_ACCENT);
        let properties = Colour::parse(accent).map(Colour::properties).unwrap_or_else(|| {
            errors.push(ConfigError::new("pages.accent", format!("{accent:?} is not a colour"), "such as \"#0b5cad\""));
            String::new()
        });
        let logo_file = config.logo.as_deref().and_then(|file| read_logo(file).map_err(|e| errors.push(e)).ok());
        if let Some(support) = config.support.as_deref().filter(|s| !is_support_link(s)) {
            errors.push(ConfigError::new(
                "pages.support",
                format!("{support:?} is not a link for help"),
                "an \"https:\" or \"mailto:\" URL",
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let stylesheet_file = Bytes::from(properties + STYLESHEET);
        Ok(Brand {
            title: config.title.clone().unwrap_or_else(|| "Gangplank".to_owned()),
            footer: config.footer.clone(),
            support: config.support.clone(),
            stylesheet: format!("{prefix}/static/gate-{}.css", digest(&stylesheet_file)),
            logo: logo_file.as_ref().map(|(bytes, _)| format!("{prefix}/static/logo-{}", digest(bytes))),
            stylesheet_file,
            logo_file,
        })
    }

    pub(super) fn asset(&self, path: &str) -> Option<Response<Body>> {
        if path == self.stylesheet {
            return Some(file(self.stylesheet_file.clone(), "text/css; charset=utf-8"));
        }
        let (bytes, kind) = self.logo_file.as_ref()?;
        (Some(path) == self.logo.as_deref()).then(|| file(bytes.clone(), kind))
    }
}

fn file(bytes: Bytes, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // An SVG that is opened by itself is a document and could run scripts on the apps' origin.
    let sandbox = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, sandbox);
    response
}

fn read_logo(path: &Path) -> Result<(Bytes, &'static str), ConfigError> {
    let refuse = |message: String| {
        ConfigError::new(
            "pages.logo",
            format!("{}: {message}", path.display()),
            "a readable PNG, SVG, WebP or JPEG file of at most 256 KiB",
        )
    };
    let size = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?.len();
    if size > LARGEST_LOGO {
        return Err(refuse(format!("it has {size} bytes")));
    }
    // A device says that it has no bytes, and never ends.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| refuse(e.to_string()))?;
    file.take(LARGEST_LOGO).read_to_end(&mut bytes).map_err(|e| refuse(e.to_string()))?;
    let kind = image_kind(&bytes).ok_or_else(|| refuse("it is none of the known kinds of image".to_owned()))?;
    Ok((Bytes::from(bytes), kind))
}

fn image_kind(bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_start_matches('\u{feff}').trim_start();
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ if (text.starts_with("<svg") || text.starts_with("<?xml") || text.starts_with("<!--"))
            && text.contains("<svg") =>
        {
            Some("image/svg+xml")
        }
        _ => None,
    }
}

fn is_support_link(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "mailto"))
}

fn digest(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stylesheet_is_served_under_its_own_name_only() {
        let brand = Brand::read(&PagesConfig::default(), "/oauth2").unwrap();
        let response = brand.asset(&brand.stylesheet).unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        assert!(brand.asset("/oauth2/static/gate.css").is_none());
        assert!(brand.asset("/oauth2/static/../../etc/passwd").is_none());
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let config = PagesConfig {
            accent: Some("red".to_owned()),
            logo: Some("/no/such/file".into()),
            support: Some("javascript:alert(1)".to_owned()),
            ..PagesConfig::default()
        };
        let errors = Brand::read(&config, "/oauth2").unwrap_err();
        let paths: Vec<_> = errors.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["pages.accent", "pages.logo", "pages.support"]);
    }

    #[test]
    fn an_image_is_known_by_its_content() {
        assert_eq!(image_kind(b"\x89PNG\r\n"), Some("image/png"));
        assert_eq!(image_kind(b" <svg xmlns='x'/>"), Some("image/svg+xml"));
        assert_eq!(image_kind(b"<html><svg>"), None);
        assert_eq!(image_kind(b""), None);
    }
}
