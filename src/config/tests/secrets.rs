//! Secrets: found where the file says, and never shown.

use super::super::Config;
use super::{BASE, KEY, conf, environment, errors, parsed, project};

#[test]
fn no_secret_is_ever_shown() {
    let text = std::fs::read_to_string(conf("openai.yaml")).unwrap();
    let config = parsed(&text);
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains(KEY) && !shown.contains("sk-very-secret"));
    let key = &config.tenants[0].projects[0].api_keys[0];
    assert_eq!(key.secret.secret().map(|secret| secret.expose()), Some(KEY));

    let literal = "hunter2-sk-literal-secret";
    let places = [
        format!("admin_secret: {literal}\n"),
        format!("admin_secret: 'literal:{literal}'\n"),
        format!("admin_secret: 'env:{literal}'\n"),
        format!("providers: [{{ name: p, base_url: 'http://h', api_key: {literal} }}]\n"),
        format!("providers: [{{ name: p, base_url: 'http://h:x', api_key: [{literal}] }}]\n"),
        project(&format!("api_keys: [{{ name: k, secret: {literal} }}]")),
        format!("{BASE}store: {{ url: 'redis://:{literal}@h' }}\n"),
    ];
    for text in places {
        let shown = errors(&text).join("\n");
        assert!(!shown.contains(literal), "{shown}");
    }
    let found = errors(&format!("admin_secret: {literal}\n"));
    assert_eq!(
        found,
        [
            "1: admin_secret: a secret is written as a reference, env:NAME or file:PATH, never as itself"
        ]
    );
    for name in ["SHORT_KEY", "TWO_LINES", "UMLAUT_KEY"] {
        let shown = errors(&project(&format!("api_keys: [{{ name: k, secret: 'env:{name}' }}]")))
            .join("\n");
        assert!(
            !shown.contains("hunter2")
                && !shown.contains("line-secret")
                && !shown.contains("umlaut")
        );
    }
}

#[test]
fn a_secret_s_file_loses_one_newline_and_starts_at_the_file_s_folder() {
    let folder = std::env::temp_dir().join(format!("behest-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("one"), "a-secret-in-a-file\n").unwrap();
    std::fs::write(folder.join("two"), "a-secret-in-a-file\n\n").unwrap();
    std::fs::write(folder.join("bytes"), b"\xff\xfe").unwrap();
    std::fs::write(
        folder.join("ca.pem"),
        "text\n-----BEGIN CERTIFICATE-----\nMIIB\nAQ==\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("key.pem"),
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    let read = |text: &str| Config::parse(text, "conf.yaml", &folder, &environment);

    let config = read("admin_secret: 'file:one'\n").unwrap();
    assert_eq!(config.admin_secret.unwrap().secret().unwrap().expose(), "a-secret-in-a-file");
    assert_eq!(config.data, folder.join("./data"));
    let wrong = |text: &str| read(text).map(drop).unwrap_err().to_string();
    assert!(wrong("admin_secret: 'file:two'\n").contains("several lines"));
    std::fs::write(folder.join("short"), "fifteen-letters\n").unwrap();
    let warned = read("admin_secret: 'file:short'\n").unwrap().warnings();
    assert_eq!(
        warned,
        ["admin_secret: file:short holds fewer than 16 characters: it could be guessed"]
    );
    assert!(wrong("admin_secret: 'file:bytes'\n").contains("UTF-8"));
    assert!(wrong("admin_secret: 'file:.'\n").contains("file .:"));

    let with_ca =
        |ca: &str| format!("providers: [{{ name: p, base_url: 'https://h', ca: {ca} }}]\n");
    let config = read(&with_ca("ca.pem")).unwrap();
    assert_eq!(config.providers[0].ca.as_deref(), Some(folder.join("ca.pem").as_path()));
    assert!(wrong(&with_ca("key.pem")).contains("holds no PEM certificate"));

    std::fs::write(folder.join("empty.yaml"), "").unwrap();
    let errors = Config::load(&folder.join("empty.yaml")).map(drop).unwrap_err().to_string();
    assert!(errors.contains("providers: a gateway needs at least one provider"), "{errors}");
    assert!(errors.contains("models: a gateway needs at least one model"), "{errors}");
    let errors = Config::load(&folder.join("none.yaml")).map(drop).unwrap_err().to_string();
    assert!(errors.contains("none.yaml: cannot be read"), "{errors}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_master_key_may_be_absent() {
    assert!(parsed(BASE).master_key.secret().is_none());
    parsed("master_key: 'file:not/there'\n");
}
