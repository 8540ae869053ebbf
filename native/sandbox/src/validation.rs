//! Who may write what: administrators design documents, `validate_doc_update` functions all else.

use crate::document::Edit;
use crate::failure::Failure;
use crate::revision::Rev;
use crate::store::{Body, Database, StoreError, Writer};

/// On whose behalf a request writes.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) name: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) db_admin: bool,
}

impl Author {
    pub(crate) fn may_design(&self, _edit: &Edit) -> Result<(), Failure> {
        if !self.db_admin {
            return Err(Failure::forbidden("You are not a db or server admin."));
        }
        Ok(())
    }
}

/// The functions of one database that look at each document before it is written.
pub(crate) struct Validators {
    functions: Vec<String>,
}

impl Validators {
    pub(crate) fn load(_writer: &Writer<'_>, _db: &Database) -> Result<Self, StoreError> {
        Ok(Self {
            functions: Vec::new(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    pub(crate) fn ask(
        &mut self,
        _id: &str,
        _edit: &Edit,
        _old: Option<(&Body, &Rev)>,
        _author: &Author,
        _db: &Database,
    ) -> Result<(), Failure> {
        Ok(())
    }
}
