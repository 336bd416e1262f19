//! The page at `/`: plain HTML, CSS and JavaScript, embedded as they are. It reads the same API as everybody else.

use actix_web::{
    HttpResponse,
    web::{ServiceConfig, to},
};

use super::routes::readable;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Where each file is, of which type, and what is in it.
const FILES: [(&str, &str, &str); 18] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/icon.svg", SVG, include_str!("page/icon.svg")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/counters.js", JS, include_str!("page/counters.js")),
    ("/detail.js", JS, include_str!("page/detail.js")),
    ("/dom.js", JS, include_str!("page/dom.js")),
    ("/grid.js", JS, include_str!("page/grid.js")),
    ("/head.js", JS, include_str!("page/head.js")),
    ("/keys.js", JS, include_str!("page/keys.js")),
    ("/main.js", JS, include_str!("page/main.js")),
    ("/model.js", JS, include_str!("page/model.js")),
    ("/problems.js", JS, include_str!("page/problems.js")),
    ("/query.js", JS, include_str!("page/query.js")),
    ("/states.js", JS, include_str!("page/states.js")),
    ("/stream.js", JS, include_str!("page/stream.js")),
    ("/table.js", JS, include_str!("page/table.js")),
    ("/timeline.js", JS, include_str!("page/timeline.js")),
    ("/toolbar.js", JS, include_str!("page/toolbar.js")),
];

/// Serves the page.
pub(super) fn page(config: &mut ServiceConfig) {
    for (path, content_type, text) in FILES {
        let answer = move || async move { HttpResponse::Ok().content_type(content_type).body(text) };
        config.service(readable(path, to(answer)));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The binary stays small, and a page over a slow line quick.
    const MOST_BYTES: usize = 64 * 1024;

    #[test]
    fn every_file_of_the_page_is_served() {
        let mut there: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/page"))
            .unwrap()
            .map(|file| format!("/{}", file.unwrap().file_name().into_string().unwrap()))
            .collect();
        let mut served = FILES.map(|(path, ..)| path.to_owned());
        served[0] = "/index.html".to_owned();
        there.sort();
        served.sort();
        assert_eq!(&served[..], &there[..]);
    }

    #[test]
    fn the_page_is_small() {
        assert!(FILES.iter().map(|(_, _, text)| text.len()).sum::<usize>() <= MOST_BYTES);
    }
}
