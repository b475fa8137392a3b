//! A caller in Kubernetes' own words: `UserInfo` of `authentication.k8s.io`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Identity;

/// Who somebody is to a cluster. What is empty is left out when it is written; what is absent or null is read as empty,
/// and what is not known is passed over, as Kubernetes does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    /// The name that RBAC knows.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// What outlives a change of the name.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The groups that RBAC knows.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Whatever else the authenticator says.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// The same caller in Kubernetes' words.
    pub fn user_info(&self) -> UserInfo {
        UserInfo {
            username: self.username.clone(),
            uid: self.uid.clone().unwrap_or_default(),
            groups: self.groups.clone(),
            extra: self.extra.clone(),
        }
    }
}

impl UserInfo {
    /// The identity that `vouching`, a name of the configuration, states in these words.
    pub(crate) fn into_identity(self, vouching: &str, audiences: Vec<String>) -> Identity {
        let uid = Some(self.uid).filter(|uid| !uid.is_empty());
        Identity {
            issuer: vouching.to_owned(),
            subject: uid.clone().unwrap_or_else(|| self.username.clone()),
            username: self.username,
            uid,
            groups: self.groups,
            extra: self.extra,
            audiences,
            ..Identity::default()
        }
    }
}

/// A JSON object, and not the list that serde would take as well.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for V<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(V(PhantomData))
    }
}

/// Null is what Go writes for nothing.
pub(crate) fn or_empty<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_identity_and_its_user_info_say_the_same() {
        let written = json!({
            "username": "system:serviceaccount:ci:builder",
            "uid": "4c1b",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:ci"],
            "extra": { "authentication.kubernetes.io/credential-id": ["JTI=7"], "example.com/empty": [] },
        });
        let user: UserInfo = serde_json::from_value(written.clone()).unwrap();
        let identity = user.clone().into_identity("prod", vec!["api".to_owned()]);
        assert_eq!((identity.issuer.as_str(), identity.subject.as_str()), ("prod", "4c1b"));
        assert_eq!(identity.audiences, ["api"]);
        assert_eq!(identity.user_info(), user);
        assert_eq!(serde_json::to_value(identity.user_info()).unwrap(), written);
    }

    #[test]
    fn nothing_is_written_as_nothing_and_null_is_read_as_nothing() {
        let user: UserInfo =
            serde_json::from_value(json!({ "username": "a", "uid": null, "groups": null, "extra": null, "new": 1 }))
                .unwrap();
        assert_eq!(serde_json::to_string(&user).unwrap(), r#"{"username":"a"}"#);
        assert_eq!(user.into_identity("x", Vec::new()).subject, "a");
        assert!(serde_json::from_str::<UserInfo>(r#"{"username":"a","username":"b"}"#).is_err());
    }
}
