//! The file as it is written (`apiserver.config.k8s.io`): every field of all three versions, which are the same.
//!
//! 1. `kind` is `AuthenticationConfiguration`, `apiVersion` one of [`VERSIONS`].
//! 2. Names are compared with case. A field that no version has is a mistake, so is one that is there twice.
//! 3. `null` is the same as leaving the field out. Nothing else stands for anything: `1` is no string, `"true"` no
//!    boolean. Nothing gets a default.
//! 4. All mistakes are reported, and reading goes on behind each of them.

use super::document::Node;
use super::field::{FieldError, FieldErrorKind, Path};

/// The group's versions that are read.
pub(super) const VERSIONS: [&str; 3] =
    ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1beta1", "apiserver.config.k8s.io/v1alpha1"];
const KIND: &str = "AuthenticationConfiguration";

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) jwt: Vec<Jwt>,
    pub(super) anonymous: Option<Anonymous>,
}

#[derive(Debug, Default)]
pub(super) struct Jwt {
    pub(super) issuer: Issuer,
    pub(super) claim_validation_rules: Vec<ClaimValidationRule>,
    pub(super) claim_mappings: ClaimMappings,
    pub(super) user_validation_rules: Vec<UserValidationRule>,
}

#[derive(Debug, Default)]
pub(super) struct Issuer {
    pub(super) url: String,
    pub(super) discovery_url: String,
    pub(super) certificate_authority: String,
    pub(super) audiences: Vec<String>,
    pub(super) audience_match_policy: String,
    pub(super) egress_selector_type: String,
}

#[derive(Debug, Default)]
pub(super) struct ClaimValidationRule {
    pub(super) claim: String,
    pub(super) required_value: String,
    pub(super) expression: String,
    pub(super) message: String,
}

#[derive(Debug, Default)]
pub(super) struct ClaimMappings {
    pub(super) username: PrefixedClaimOrExpression,
    pub(super) groups: PrefixedClaimOrExpression,
    pub(super) uid: ClaimOrExpression,
    pub(super) extra: Vec<ExtraMapping>,
}

#[derive(Debug, Default)]
pub(super) struct PrefixedClaimOrExpression {
    pub(super) claim: String,
    pub(super) prefix: Option<String>,
    pub(super) expression: String,
}

#[derive(Debug, Default)]
pub(super) struct ClaimOrExpression {
    pub(super) claim: String,
    pub(super) expression: String,
}

#[derive(Debug, Default)]
pub(super) struct ExtraMapping {
    pub(super) key: String,
    pub(super) value_expression: String,
}

#[derive(Debug, Default)]
pub(super) struct UserValidationRule {
    pub(super) expression: String,
    pub(super) message: String,
}

#[derive(Debug, Default)]
pub(super) struct Anonymous {
    pub(super) enabled: bool,
    pub(super) conditions: Vec<String>,
}

/// Takes the tree for a file. What cannot be read is left out and reported.
pub(super) fn read(node: Node) -> (File, Vec<FieldError>) {
    let mut reader = Reader::default();
    let root = Path::default();
    let mut fields = reader.fields(&root, Some(node), &["apiVersion", "kind", "jwt", "anonymous"]);
    for (name, accepted) in [("kind", &[KIND][..]), ("apiVersion", &VERSIONS[..])] {
        let (at, found) = (root.child(name), fields.take(name));
        let read = reader.errors.len();
        let found = reader.text(&at, found);
        if found.is_empty() && reader.errors.len() == read {
            reader.errors.push(FieldError::required(&at, format!("one of {}", accepted.join(", "))));
        } else if !found.is_empty() && !accepted.contains(&found.as_str()) {
            reader.errors.push(FieldError::unsupported(&at, &found, accepted));
        }
    }
    let jwt = reader.list(&root.child("jwt"), fields.take("jwt"), Reader::jwt);
    let anonymous = fields.take("anonymous").map(|node| reader.anonymous(&root.child("anonymous"), node));
    (File { jwt, anonymous }, reader.errors)
}

#[derive(Default)]
struct Reader {
    errors: Vec<FieldError>,
}

/// The fields of one object that are known, each once, and none that is null.
struct Fields(Vec<(String, Node)>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

impl Reader {
    fn jwt(&mut self, at: &Path, node: Node) -> Jwt {
        let known = ["issuer", "claimValidationRules", "claimMappings", "userValidationRules"];
        let mut fields = self.fields(at, Some(node), &known);
        let [issuer, claim_rules, mappings, user_rules] = known.map(|name| (at.child(name), fields.take(name)));
        Jwt {
            issuer: self.issuer(&issuer.0, issuer.1),
            claim_validation_rules: self.list(&claim_rules.0, claim_rules.1, Self::claim_validation_rule),
            claim_mappings: self.claim_mappings(&mappings.0, mappings.1),
            user_validation_rules: self.list(&user_rules.0, user_rules.1, Self::user_validation_rule),
        }
    }

    fn issuer(&mut self, at: &Path, node: Option<Node>) -> Issuer {
        let texts = ["url", "discoveryURL", "certificateAuthority", "audienceMatchPolicy", "egressSelectorType"];
        let mut fields = self.fields(at, node, &[&texts[..], &["audiences"]].concat());
        let audiences = self.list(&at.child("audiences"), fields.take("audiences"), Self::item);
        let [url, discovery_url, certificate_authority, audience_match_policy, egress_selector_type] =
            self.texts(at, &mut fields, texts);
        Issuer { url, discovery_url, certificate_authority, audiences, audience_match_policy, egress_selector_type }
    }

    fn claim_validation_rule(&mut self, at: &Path, node: Node) -> ClaimValidationRule {
        let known = ["claim", "requiredValue", "expression", "message"];
        let mut fields = self.fields(at, Some(node), &known);
        let [claim, required_value, expression, message] = self.texts(at, &mut fields, known);
        ClaimValidationRule { claim, required_value, expression, message }
    }

    fn claim_mappings(&mut self, at: &Path, node: Option<Node>) -> ClaimMappings {
        let known = ["username", "groups", "uid", "extra"];
        let mut fields = self.fields(at, node, &known);
        let [username, groups, uid, extra] = known.map(|name| (at.child(name), fields.take(name)));
        ClaimMappings {
            username: self.prefixed(&username.0, username.1),
            groups: self.prefixed(&groups.0, groups.1),
            uid: self.claim_or_expression(&uid.0, uid.1),
            extra: self.list(&extra.0, extra.1, Self::extra_mapping),
        }
    }

    fn prefixed(&mut self, at: &Path, node: Option<Node>) -> PrefixedClaimOrExpression {
        let mut fields = self.fields(at, node, &["claim", "prefix", "expression"]);
        let prefix = fields.take("prefix").map(|node| self.text(&at.child("prefix"), Some(node)));
        let [claim, expression] = self.texts(at, &mut fields, ["claim", "expression"]);
        PrefixedClaimOrExpression { claim, prefix, expression }
    }

    fn claim_or_expression(&mut self, at: &Path, node: Option<Node>) -> ClaimOrExpression {
        let known = ["claim", "expression"];
        let mut fields = self.fields(at, node, &known);
        let [claim, expression] = self.texts(at, &mut fields, known);
        ClaimOrExpression { claim, expression }
    }

    fn extra_mapping(&mut self, at: &Path, node: Node) -> ExtraMapping {
        let known = ["key", "valueExpression"];
        let mut fields = self.fields(at, Some(node), &known);
        let [key, value_expression] = self.texts(at, &mut fields, known);
        ExtraMapping { key, value_expression }
    }

    fn user_validation_rule(&mut self, at: &Path, node: Node) -> UserValidationRule {
        let known = ["expression", "message"];
        let mut fields = self.fields(at, Some(node), &known);
        let [expression, message] = self.texts(at, &mut fields, known);
        UserValidationRule { expression, message }
    }

    fn anonymous(&mut self, at: &Path, node: Node) -> Anonymous {
        let mut fields = self.fields(at, Some(node), &["enabled", "conditions"]);
        let enabled = match fields.take("enabled") {
            None => false,
            Some(Node::Bool(enabled)) => enabled,
            Some(other) => {
                self.wrong_type(&at.child("enabled"), &other, "a boolean");
                // So that the conditions are not another mistake.
                true
            }
        };
        let conditions = self.list(&at.child("conditions"), fields.take("conditions"), Self::condition);
        Anonymous { enabled, conditions }
    }

    fn condition(&mut self, at: &Path, node: Node) -> String {
        let mut fields = self.fields(at, Some(node), &["path"]);
        self.text(&at.child("path"), fields.take("path"))
    }

    /// The known fields of an object (rule 2).
    fn fields(&mut self, at: &Path, node: Option<Node>, known: &[&str]) -> Fields {
        let entries = match node {
            None | Some(Node::Null) => Vec::new(),
            Some(Node::Map(entries)) => entries,
            Some(other) => {
                self.wrong_type(at, &other, "a map");
                Vec::new()
            }
        };
        let mut fields: Vec<(String, Node)> = Vec::new();
        for (name, node) in entries {
            let path = at.child(&name);
            if !known.contains(&name.as_str()) {
                let detail = format!("known here: {}", known.join(", "));
                self.errors.push(FieldError::new(&path, FieldErrorKind::Unknown, detail));
            } else if fields.iter().any(|(before, _)| *before == name) {
                let detail = "the field is there more than once";
                self.errors.push(FieldError::new(&path, FieldErrorKind::Duplicate, detail));
            } else {
                fields.push((name, node));
            }
        }
        fields.retain(|(_, node)| *node != Node::Null);
        Fields(fields)
    }

    fn texts<const N: usize>(&mut self, at: &Path, fields: &mut Fields, names: [&str; N]) -> [String; N] {
        names.map(|name| self.text(&at.child(name), fields.take(name)))
    }

    fn text(&mut self, at: &Path, node: Option<Node>) -> String {
        match node {
            None => String::new(),
            Some(Node::Text(text)) => text,
            Some(other) => {
                self.wrong_type(at, &other, "a string; put it in quotes");
                String::new()
            }
        }
    }

    /// A string in a list. Kubernetes reads `null` there as the empty one.
    fn item(&mut self, at: &Path, node: Node) -> String {
        self.text(at, Some(node).filter(|node| *node != Node::Null))
    }

    fn list<T>(&mut self, at: &Path, node: Option<Node>, mut item: impl FnMut(&mut Self, &Path, Node) -> T) -> Vec<T> {
        match node {
            None => Vec::new(),
            Some(Node::List(items)) => {
                items.into_iter().enumerate().map(|(i, node)| item(self, &at.index(i), node)).collect()
            }
            Some(other) => {
                self.wrong_type(at, &other, "a list");
                Vec::new()
            }
        }
    }

    fn wrong_type(&mut self, at: &Path, found: &Node, wanted: &str) {
        self.errors.push(FieldError::new(
            at,
            FieldErrorKind::Invalid,
            format!("found {}, must be {wanted}", found.kind()),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::*;

    fn errors(yaml: &str) -> Vec<String> {
        read(document::parse(yaml.as_bytes()).unwrap()).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_version_has_every_field() {
        for version in VERSIONS {
            let yaml = format!(
                r#"
apiVersion: {version}
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: u
    discoveryURL: d
    certificateAuthority: c
    audiences: [a, b]
    audienceMatchPolicy: m
    egressSelectorType: e
  claimValidationRules:
  - {{claim: c, requiredValue: r}}
  - {{expression: e, message: m}}
  claimMappings:
    username: {{claim: c, prefix: ""}}
    groups: {{expression: e}}
    uid: {{claim: c}}
    extra: [{{key: k, valueExpression: v}}]
  userValidationRules: [{{expression: e, message: m}}]
anonymous: {{enabled: true, conditions: [{{path: /livez}}]}}
"#
            );
            let (file, errors) = read(document::parse(yaml.as_bytes()).unwrap());
            assert_eq!(errors, []);
            let jwt = &file.jwt[0];
            assert_eq!((jwt.issuer.audiences.len(), jwt.claim_mappings.username.prefix.as_deref()), (2, Some("")));
            assert_eq!(jwt.claim_mappings.groups.prefix, None);
            assert_eq!((jwt.claim_validation_rules.len(), jwt.user_validation_rules.len()), (2, 1));
            assert_eq!(file.anonymous.unwrap().conditions, ["/livez"]);
        }
    }

    #[test]
    fn other_kinds_and_versions_are_refused_by_name() {
        let errors = errors("apiVersion: v1\nkind: Config\n");
        assert!(errors[0].starts_with("kind: Unsupported value: \"Config\": supported values: Auth"), "{errors:?}");
        assert!(errors[1].starts_with("apiVersion: Unsupported value: \"v1\": "), "{errors:?}");
        assert!(self::errors("{}").iter().all(|e| e.contains("Required value")));
        assert_eq!(self::errors("kind: 1\napiVersion: []").len(), 2);
        assert_eq!(self::errors("- kind").len(), 3);
    }

    #[test]
    fn all_mistakes_are_reported_with_their_paths() {
        let yaml = r#"
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
metadata: {}
jwt:
- issuer: {url: 5, URL: x, audiences: a, audienceMatchPolicy: true}
  claimMappings:
    username: {claim: sub, claim: email, prefix: 1}
    extra: {}
    uid: [claim]
  claimValidationRules: [x, {claim: [a]}]
  Issuer: {}
anonymous: {enabled: "true", conditions: [{Path: /}]}
"#;
        let found = errors(yaml);
        for wanted in [
            "metadata: Unknown field: known here: ",
            "jwt[0].issuer.url: Invalid value: found a number, must be a string",
            "jwt[0].issuer.URL: Unknown field",
            "jwt[0].issuer.audiences: Invalid value: found a string, must be a list",
            "jwt[0].issuer.audienceMatchPolicy: Invalid value: found a boolean",
            "jwt[0].claimMappings.username.claim: Duplicate value: the field",
            "jwt[0].claimMappings.username.prefix: Invalid value: found a number",
            "jwt[0].claimMappings.extra: Invalid value: found a map, must be a list",
            "jwt[0].claimMappings.uid: Invalid value: found a list, must be a map",
            "jwt[0].claimValidationRules[0]: Invalid value: found a string, must be a map",
            "jwt[0].claimValidationRules[1].claim: Invalid value: found a list",
            "jwt[0].Issuer: Unknown field",
            "anonymous.enabled: Invalid value: found a string, must be a boolean",
            "anonymous.conditions[0].Path: Unknown field",
        ] {
            assert!(found.iter().any(|error| error.starts_with(wanted)), "{wanted}\n{found:#?}");
        }
        assert_eq!(found.len(), 14);
    }

    #[test]
    fn null_is_nothing() {
        let yaml =
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: null\nanonymous: ~\n";
        let (file, errors) = read(document::parse(yaml.as_bytes()).unwrap());
        assert_eq!((errors.len(), file.jwt.len(), file.anonymous.is_none()), (0, 0, true));
    }
}
