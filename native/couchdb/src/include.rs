//! The content of a document that is read.

/// The content of an answer besides ids and revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    /// Nothing.
    Revisions,
    /// The documents, attachments as stubs; those with conflicts list them in `_conflicts`.
    Documents,
    /// The same, attachments inline.
    Attachments,
}

impl Include {
    pub(super) fn query(self) -> &'static str {
        match self {
            Self::Revisions => "",
            Self::Documents => "&include_docs=true&conflicts=true",
            Self::Attachments => "&include_docs=true&conflicts=true&attachments=true",
        }
    }
}

/// How attachments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachments {
    /// As stubs: their names, types, lengths and digests.
    Stubs,
    /// Inline, with their content.
    Inline,
}

impl From<Attachments> for Include {
    fn from(attachments: Attachments) -> Self {
        match attachments {
            Attachments::Stubs => Self::Documents,
            Attachments::Inline => Self::Attachments,
        }
    }
}
