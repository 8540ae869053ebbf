//! Values that a run makes once per key, however many tasks ask for them.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use couchdb::Error;

type Cell<V> = Arc<OnceCell<Result<Arc<V>, Error>>>;

/// A cache of values from the cluster. Errors are cached, too.
pub(crate) struct OncePerKey<K, V>(Mutex<HashMap<K, Cell<V>>>);

impl<K, V> Default for OncePerKey<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> OncePerKey<K, V> {
    /// The value of a key. The first call makes it with `read`.
    pub(crate) async fn of<'r>(
        &self,
        key: K,
        // Boxed: hundreds of tasks wait for a value that one of them reads.
        read: impl FnOnce() -> Pin<Box<dyn Future<Output = Result<V, Error>> + Send + 'r>>,
    ) -> Result<Arc<V>, Error> {
        let cell = self.cells().entry(key).or_default().clone();
        cell.get_or_init(|| async { read().await.map(Arc::new) })
            .await
            .clone()
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<K, Cell<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the value of a key that another read delivered.
    pub(crate) fn set(&self, key: K, value: V) {
        let cell = Cell::new(OnceCell::new_with(Some(Ok(Arc::new(value)))));
        self.cells().insert(key, cell);
    }

    /// Forgets all values: the next call for a key reads again.
    pub(crate) fn clear(&self) {
        self.cells().clear();
    }
}
