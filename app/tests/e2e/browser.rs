//! As much of a browser as the story needs: a cookie jar, redirects, forms.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// One request, as it is given.
pub(crate) async fn send(method: Method, url: &Url, headers: &[(&str, &str)], body: &str) -> Page {
    let address = (url.host_str().expect("a host").to_owned(), url.port().expect("a port"));
    let tcp = TcpStream::connect(address).await.expect("it accepts connections");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.expect("HTTP");
    tokio::spawn(connection);
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut request = Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(HOST, url.authority());
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let text = body.collect().await.expect("a body").to_bytes();
    let text = String::from_utf8_lossy(&text).into_owned();
    Page { url: url.clone(), status: head.status, headers: head.headers, text }
}

/// A program's request: no cookies, no redirects.
pub(crate) async fn call(url: &str, headers: &[(&str, &str)]) -> Page {
    send(Method::GET, &Url::parse(url).expect("a URL"), headers, "").await
}

/// A person's browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    /// By host and name: ports share cookies.
    pub(crate) cookies: BTreeMap<(String, String), String>,
    /// Every address gone to, in order.
    pub(crate) visited: Vec<Url>,
}

impl Browser {
    /// Goes to an address, and wherever it leads.
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        self.go(Method::GET, Url::parse(url).expect("a URL"), String::new(), "none").await
    }

    /// Sends the form of a page, with a button of it pressed.
    pub(crate) async fn submit(&mut self, page: &Page, button: Option<(&str, &str)>) -> Page {
        let form = page.text.split("<form").nth(1).expect("a form").split("</form>").next().unwrap_or_default();
        let action = attribute(form, "action").map_or_else(|| page.url.clone(), |a| page.url.join(&a).expect("a URL"));
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for input in form.split("<input").skip(1) {
            let tag = input.split('>').next().unwrap_or_default();
            if let Some(name) = attribute(tag, "name") {
                body.append_pair(&name, &attribute(tag, "value").unwrap_or_default());
            }
        }
        if let Some((name, value)) = button {
            assert!(form.contains(&format!("name=\"{name}\" value=\"{value}\"")), "no such button in {form}");
            body.append_pair(name, value);
        }
        let site = if action.origin() == page.url.origin() { "same-origin" } else { "cross-site" };
        self.go(Method::POST, action, body.finish(), site).await
    }

    async fn go(&mut self, mut method: Method, mut url: Url, mut body: String, site: &str) -> Page {
        for _ in 0..12 {
            self.visited.push(url.clone());
            let cookies = self.cookies_for(&url);
            let origin = url.origin().ascii_serialization();
            let mut headers = vec![
                (ACCEPT.as_str(), "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-site", site),
            ];
            if !cookies.is_empty() {
                headers.push((COOKIE.as_str(), &cookies));
            }
            if method == Method::POST {
                headers.push((CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"));
                headers.push((ORIGIN.as_str(), &origin));
            }
            let page = send(method.clone(), &url, &headers, &body).await;
            self.keep_cookies(&page);
            let location = page.headers.get(LOCATION).and_then(|l| l.to_str().ok());
            match location.filter(|_| page.status.is_redirection()) {
                Some(location) => url = url.join(location).expect("a URL"),
                None => return page,
            }
            (method, body) = (Method::GET, String::new());
        }
        panic!("it redirects for ever: {:#?}", self.visited);
    }

    fn cookies_for(&self, url: &Url) -> String {
        let host = url.host_str().expect("a host");
        let pairs =
            self.cookies.iter().filter(|((h, _), _)| h == host).map(|((_, name), value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, page: &Page) {
        let host = page.url.host_str().expect("a host").to_owned();
        for cookie in page.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            let key = (host.clone(), name.to_owned());
            if attributes.to_ascii_lowercase().contains("max-age=0") || value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
    let value = rest.split('"').next()?;
    let entities = [("&quot;", "\""), ("&#34;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&#38;", "&"), ("&amp;", "&")];
    Some(entities.iter().fold(value.to_owned(), |text, (entity, plain)| text.replace(entity, plain)))
}
