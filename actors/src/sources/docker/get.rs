//! A GET whose answer is read as we need it.

use bollard::errors::Error;
use futures_util::TryStreamExt;
use hyper::Uri;
use serde::de::DeserializeOwned;

use super::{Engine, EngineFault};

/// The document at this path, whose query may be empty; `path` alone is for people.
///
/// Bollard has no call for a path of one's own, and its calls give its own models, which lack a task's addresses, and
/// are unreadable with one word that bollard does not know. So a call that gives the bytes of an answer as they are is
/// sent elsewhere.
///
/// # Errors
/// Every fault.
pub(in crate::sources) async fn get<T: DeserializeOwned>(
    engine: &Engine,
    path: &'static str,
    path_and_query: &str,
) -> Result<T, EngineFault> {
    let uri = Uri::builder().scheme("http").authority("docker").path_and_query(path_and_query).build();
    let ask = async |docker: bollard::Docker| {
        let uri = uri?;
        let docker = docker.with_request_modifier(move |mut request| {
            *request.uri_mut() = uri.clone();
            request
        });
        let bytes = docker.export_image("");
        let bytes = bytes.try_fold(Vec::new(), async |mut whole, piece| {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        Ok::<T, Error>(serde_json::from_slice(&bytes.await?)?)
    };
    engine.ask(path, ask).await
}
