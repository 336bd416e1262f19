//! TLS to an engine: the files that Docker's command line takes, too.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, Error, RootCertStore, crypto::ring},
};

use super::EngineFault;

/// A connector that trusts `ca.pem` of `folder` alone, and shows the engine `cert.pem` if there is one.
///
/// # Errors
/// [`EngineFault::Certificate`].
pub(super) fn connector(folder: &Path) -> Result<TlsConnector, EngineFault> {
    let ca = folder.join("ca.pem");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&ca)? {
        roots.add(certificate).map_err(|error| fault(&ca, error))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&ca, error))?
        .with_root_certificates(roots);
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let config = if cert.exists() || key.exists() {
        let private = PrivateKeyDer::from_pem_slice(&read(&key)?).map_err(|error| fault(&key, error))?;
        config.with_client_auth_cert(certificates(&cert)?, private).map_err(|error| fault(&key, error))?
    } else {
        config.with_no_client_auth()
    };
    Ok(Arc::new(config).into())
}

/// What would do about an error of TLS; empty for every other one.
pub(super) fn hint(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::InvalidCertificate(_)) => {
            "; ca.pem in DOCKER_CERT_PATH has to be the CA that signed the engine's certificate, which has to name the \
             host of DOCKER_HOST"
        }
        Some(Error::AlertReceived(_)) => {
            "; the engine wants cert.pem and key.pem in DOCKER_CERT_PATH, signed by the CA that it trusts"
        }
        Some(_) => "; does the engine speak TLS at DOCKER_HOST?",
        None => "",
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, EngineFault> {
    let pem = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(none) if none.is_empty() => Err(fault(file, "has no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(fault(file, error)),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, EngineFault> {
    fs::read(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => fault(file, "is missing"),
        _ => fault(file, error),
    })
}

fn fault(file: &Path, reason: impl ToString) -> EngineFault {
    EngineFault::Certificate { file: file.display().to_string(), reason: reason.to_string() }
}
