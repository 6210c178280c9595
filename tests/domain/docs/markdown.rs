//! As much of Markdown as the documents use, read the way GitHub reads it.

/// A fenced code block.
pub(super) struct Block {
    /// The word behind the fence.
    pub(super) language: String,
    /// What it holds.
    pub(super) text: String,
}

/// The fenced code blocks of a document.
pub(super) fn blocks(document: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for line in document.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a code block does not end");
    found
}

/// The lines of a document outside code blocks.
pub(super) fn prose(document: &str) -> Vec<&str> {
    let mut in_block = false;
    let mut lines = Vec::new();
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            lines.push(line);
        }
    }
    lines
}

/// The anchors that GitHub gives the headings of a document.
pub(super) fn headings(document: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut repeated = std::collections::BTreeMap::new();
    for line in prose(document) {
        let text = line.trim_start_matches('#');
        if text.len() == line.len() || !text.starts_with(' ') {
            continue;
        }
        let anchor = anchor(text.trim());
        let count: &mut u32 = repeated.entry(anchor.clone()).or_default();
        found.push(if *count == 0 {
            anchor
        } else {
            format!("{anchor}-{count}")
        });
        *count += 1;
    }
    found
}

fn anchor(heading: &str) -> String {
    let letters = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    letters
        .flat_map(char::to_lowercase)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

impl Block {
    /// What the shell is given by `<<END`.
    pub(super) fn here_documents(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if line.contains("<<END") || line.contains("<<'END'") {
                let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "END").collect();
                found.push(text.join("\n"));
            }
        }
        found
    }

    /// The simple commands of a `sh` block, and those behind `$ ` in a `console` block, as words.
    pub(super) fn commands(&self) -> Vec<Vec<String>> {
        let prompt = match self.language.as_str() {
            "sh" => "",
            "console" => "$ ",
            _ => return Vec::new(),
        };
        let text = self.text.replace("\\\n", " ");
        let lines = text.lines().filter_map(|line| line.strip_prefix(prompt));
        lines.flat_map(commands).collect()
    }
}

/// Splits a line of shell at pipes and blanks, honors quotes, and drops comments and redirections.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = vec![Vec::new()];
    let (mut word, mut quote, mut skips) = (String::new(), None, false);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, ' ' | '|' | '>' | '<' | ';') => {
                let finished = std::mem::take(&mut word);
                if !finished.is_empty() && !std::mem::take(&mut skips) {
                    found.last_mut().expect("one is there from the start").push(finished);
                }
                match c {
                    '|' | ';' => found.push(Vec::new()),
                    '>' | '<' => skips = true,
                    _ => {}
                }
            }
            (_, c) => word.push(c),
        }
    }
    found.retain(|words| !words.is_empty());
    found
}

#[test]
fn headings_get_the_anchors_of_github() {
    let document = "# `dps explain`: why?\n## TLSFailure\n```\n# no heading\n```\n## A - b_c\n## TLSFailure\n#tag\n";
    let anchors = ["dps-explain-why", "tlsfailure", "a---b_c", "tlsfailure-1"];
    assert_eq!(headings(document), anchors);
}

#[test]
fn commands_are_split_as_a_shell_does() {
    let block = Block {
        language: "console".to_owned(),
        text:
            "$ kubectl get pods -o yaml | dps explain -f - # why\noutput\n$ dps verify --username 'a b' \\\n    <file\n"
                .to_owned(),
    };
    let words: Vec<String> = block.commands().iter().map(|words| words.join("+")).collect();
    assert_eq!(
        words,
        [
            "kubectl+get+pods+-o+yaml",
            "dps+explain+-f+-",
            "dps+verify+--username+a b"
        ]
    );
}
