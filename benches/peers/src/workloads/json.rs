//! JSON through `serde_json`: the earthquakes of `examples/data` in the form in which
//! the USGS feed publishes them (GeoJSON, about 500 KB), read as a tree of values and
//! as typed structures, changed, and written again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

const EARTHQUAKES: &str = include_str!("../../../../examples/data/earthquakes.csv");

const PASSES: usize = 30;

/// A row of the table.
#[derive(Deserialize)]
struct Earthquake {
    time: String,
    latitude: f64,
    longitude: f64,
    depth_km: f64,
    magnitude: f64,
    network: String,
    place: String,
}

#[derive(Serialize, Deserialize)]
struct FeatureCollection {
    r#type: String,
    features: Vec<Feature>,
}

#[derive(Serialize, Deserialize)]
struct Feature {
    r#type: String,
    id: String,
    properties: Properties,
    geometry: Geometry,
}

#[derive(Serialize, Deserialize)]
struct Properties {
    mag: f64,
    place: String,
    time: String,
    net: String,
    title: String,
    types: Vec<String>,
    tsunami: u8,
    alert: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Geometry {
    r#type: String,
    coordinates: Vec<f64>,
}

pub(super) fn run() -> u64 {
    let document = document();
    let mut sum = 0;
    for _ in 0..PASSES {
        sum += as_values(&document) + as_structures(&document);
    }
    sum
}

/// The feed's text.
fn document() -> String {
    let mut rows = csv::Reader::from_reader(EARTHQUAKES.as_bytes());
    let features = rows
        .deserialize()
        .enumerate()
        .map(|(number, row)| feature(number, row.expect("a row of the table")))
        .collect();
    let collection = FeatureCollection {
        r#type: "FeatureCollection".to_owned(),
        features,
    };
    serde_json::to_string(&collection).expect("numbers are finite")
}

fn feature(number: usize, row: Earthquake) -> Feature {
    let title = format!("M {:.1} - {}", row.magnitude, row.place);
    Feature {
        r#type: "Feature".to_owned(),
        id: format!("{}{number:08}", row.network),
        properties: Properties {
            mag: row.magnitude,
            place: row.place,
            time: row.time,
            net: row.network,
            title,
            types: ["geoserve", "origin", "phase-data"]
                .map(String::from)
                .into(),
            tsunami: 0,
            alert: (row.magnitude >= 5.0).then(|| "green".to_owned()),
        },
        geometry: Geometry {
            r#type: "Point".to_owned(),
            coordinates: vec![row.longitude, row.latitude, row.depth_km],
        },
    }
}

/// Without knowing the form: a tree of values, from which weak earthquakes are taken out.
fn as_values(document: &str) -> u64 {
    let mut tree: Value = serde_json::from_str(document).expect("what was written above");
    if let Some(features) = tree["features"].as_array_mut() {
        features.retain(|feature| feature["properties"]["mag"].as_f64() >= Some(1.0));
    }
    tree.to_string().len() as u64
}

/// Knowing the form: the strongest of each network.
fn as_structures(document: &str) -> u64 {
    let collection: FeatureCollection =
        serde_json::from_str(document).expect("what was written above");
    let mut strongest: Vec<Feature> = Vec::new();
    for feature in collection.features {
        let net = &feature.properties.net;
        match strongest.iter_mut().find(|old| old.properties.net == *net) {
            Some(old) if old.properties.mag < feature.properties.mag => *old = feature,
            Some(_) => {}
            None => strongest.push(feature),
        }
    }
    let text = serde_json::to_string_pretty(&strongest).expect("numbers are finite");
    text.len() as u64
}
