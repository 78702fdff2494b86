//! A7: headers that name another method than the request's own.

use super::guises::unserved;
use super::Table;
use crate::stage::{refused, served};

const PATH: &str = "/v1/cheap";

/// `/v1/orders` is free by GET, $0.01 by POST and $0.50 by DELETE: who names another method beside
/// his own gets neither for less.
pub(super) fn add(table: &mut Table) {
    const ORDERS: &str = "/v1/orders";
    let names = [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x_http_method_override",
        "x_http_method",
        "x_method_override",
        "x-http_method-override",
    ];
    for name in names {
        // Envoy refuses these before the filter is asked: `envoy.yaml` says so.
        let at_the_door = name.contains('_');
        let spelled = match name {
            "x-http_method-override" => "x_http_method_override_in_both_spellings".to_owned(),
            name if at_the_door => format!("{name}_in_underscores"),
            name => name.replace('-', "_"),
        };
        table.add(format!("a7_{spelled}_reaches_no_price"), move |stage| {
            for method in ["POST", "post", "Delete", " POST ", "POST, GET", "GET, POST", "POST;x", "\u{fc}"] {
                let answer = stage.send(&stage.get(ORDERS).header(name, method));
                if !(stage.has_front_end() && at_the_door) {
                    refused(&answer, 400, "method_ambiguous");
                }
                assert_eq!((answer.status, stage.hits()), (400, 0), "{method}");
            }
        });
        table.add(format!("a7_{spelled}_changes_no_price"), move |stage| {
            for method in ["OPTIONS", "GET", "DELETE"] {
                unserved(stage, &stage.request("POST", PATH).header(name, method));
                unserved(stage, &stage.request("POST", ORDERS).header(name, method));
            }
            let (payment, request) = stage.paid(&stage.request("POST", ORDERS));
            assert_eq!(payment.requirements["amount"], "10000");
            let answer = stage.send(&request.header(name, "DELETE"));
            assert_eq!((answer.status, stage.hits()), (400, 0));
            stage.untouched(&payment);
        });
    }
    table.add("a7_one_of_several_method_overrides_is_enough", move |stage| {
        for pair in [["GET", "POST"], ["POST", "GET"]] {
            let asked = stage.get(ORDERS).header(names[0], pair[0]);
            for request in [asked.clone().header(names[0], pair[1]), asked.header(names[1], pair[1])] {
                refused(&stage.send(&request), 400, "method_ambiguous");
            }
        }
        assert_eq!(stage.hits(), 0);
    });
    table.add("a7_a_method_override_on_a_crooked_path_reaches_no_price", move |stage| {
        refused(&stage.send(&stage.get("/v1/Orders").header(names[0], "POST")), 400, "method_ambiguous");
        assert_eq!(stage.hits(), 0);
    });
    table.add("a16_eighty_method_overrides_on_a_crooked_path_are_one_question", move |stage| {
        let path = format!("/docs/{}", ["...%01.%01.%01.."; 20].join("/"));
        let plain = stage.send(&stage.get(&path));
        let crooked = stage.get("/v1/Orders");
        let [mut docs, mut orders] = [stage.get(&path), crooked];
        for _ in 0..80 {
            docs = docs.header(names[1], "GET");
            orders = orders.header(names[1], "GET");
        }
        assert_eq!(stage.send(&docs).status, plain.status);
        assert_eq!(stage.send(&orders).status, 200);
        let hits = stage.hits();
        refused(&stage.send(&orders.header(names[1], "POST")), 400, "method_ambiguous");
        assert_eq!(stage.hits(), hits);
    });
    table.add("a7_a_method_override_that_costs_nothing_more_passes", move |stage| {
        for method in ["GET", "head", "", " "] {
            assert_eq!(stage.send(&stage.get(ORDERS).header(names[0], method)).status, 200, "{method:?}");
        }
        assert_eq!(stage.send(&stage.request("POST", "/docs/x").header(names[0], "DELETE")).status, 200);
        assert_eq!(stage.send(&stage.request("POST", "/elsewhere").header(names[0], "PATCH")).status, 200);
        let (payment, request) = stage.paid(&stage.request("POST", ORDERS));
        served(&stage.send(&request.header(names[0], "POST")));
        stage.charged_once(&payment, 7);
    });
}
