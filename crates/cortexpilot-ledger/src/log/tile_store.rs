//! Where tiles are kept, in memory or in a directory, and how nodes are read from them.
//!
//! Tiles are derived: whatever is lost or wrong in them can be made anew from the lines. So they are written without a
//! sync, and whoever opens them compares the root they lead to with one that is known.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cortexpilot_core::domain::id::Sha256Digest;

use super::hash::node_hash;
use super::proof::{HashError, Nodes};
use super::tile::{TILE_WIDTH, Tile};
use super::tree::Node;
use crate::disk::{self, Disk};

const HASH: usize = 32;

/// What a name ends with while the file is being written.
const PART: &str = ".part";

/// Tiles that are read again and again in one proof, and a few that neighbouring proofs share.
const CACHED: usize = 32;

/// Wherever tiles are kept.
pub trait Tiles {
    /// The first `tile.width` hashes of a tile. A store may take them from a wider tile of the same place.
    ///
    /// # Errors
    /// [`HashError`] when they are not there or cannot be read.
    fn tile(&self, tile: Tile) -> Result<Vec<Sha256Digest>, HashError>;
}

/// Tiles in memory.
#[derive(Debug, Clone, Default)]
pub struct MemTiles(BTreeMap<(u8, u64), Vec<Sha256Digest>>);

impl MemTiles {
    /// No tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a tile in place of a narrower one.
    pub fn put(&mut self, tile: Tile, hashes: Vec<Sha256Digest>) {
        self.0.insert((tile.level, tile.index), hashes);
    }
}

impl Tiles for MemTiles {
    fn tile(&self, tile: Tile) -> Result<Vec<Sha256Digest>, HashError> {
        let hashes = self.0.get(&(tile.level, tile.index)).and_then(|hashes| hashes.get(..usize::from(tile.width)));
        hashes.map(<[_]>::to_vec).ok_or_else(|| missing(tile))
    }
}

fn missing(tile: Tile) -> HashError {
    HashError::Missing(Node { level: tile.level * 8, index: tile.index * u64::from(TILE_WIDTH) })
}

/// Tiles as files below a directory, laid out so that any web server can serve them to any client of `tlog-tiles`.
#[derive(Clone)]
pub struct DirTiles {
    dir: PathBuf,
    disk: Disk,
}

impl DirTiles {
    /// The tiles below `dir`. Touches nothing.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), disk: Disk::default() }
    }

    /// Writes a tile, whole or not at all, and takes away the partial ones that it continues. Not synced. By one process
    /// at a time: whoever has the turn of those who sign.
    ///
    /// # Errors
    /// What the system said.
    pub fn put(&self, tile: Tile, hashes: &[Sha256Digest]) -> io::Result<()> {
        let path = self.dir.join(tile.path());
        let dir = path.parent().unwrap_or(&self.dir);
        self.disk.make_dirs(dir)?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        let part = part_name(&path);
        self.disk.unlink(&part)?;
        let file = self.disk.create_new(&part)?;
        self.disk.fill(&file, &bytes)?;
        self.disk.rename(&part, &path)?;
        self.drop_partials(tile)
    }

    /// Those that are narrower than this one: the next checkpoint does not need them.
    fn drop_partials(&self, tile: Tile) -> io::Result<()> {
        let partials = self.partials(tile);
        for width in self.widths(&partials)? {
            let path = partials.join(width.to_string());
            if width < tile.width {
                self.disk.unlink(&path)?;
                // Whoever died while writing it left that behind.
                self.disk.unlink(&part_name(&path))?;
            }
        }
        // What else is there is not ours; then the directory stays.
        if tile.width == TILE_WIDTH { self.disk.drop_dir(&partials) } else { Ok(()) }
    }

    fn partials(&self, tile: Tile) -> PathBuf {
        let mut path = self.dir.join(tile.filled().path()).into_os_string();
        path.push(".p");
        PathBuf::from(path)
    }

    fn widths(&self, partials: &Path) -> io::Result<Vec<u16>> {
        let entries = match std::fs::read_dir(partials) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut widths = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let width = name.to_str().map(|name| name.strip_suffix(PART).unwrap_or(name));
            widths.extend(width.and_then(|name| name.parse::<u16>().ok()));
        }
        widths.sort_unstable();
        widths.dedup();
        Ok(widths)
    }

    /// The file that holds at least so many hashes of the place: the one of that width, the full one, or a wider partial
    /// one, which a later checkpoint left.
    fn find(&self, tile: Tile) -> Result<Option<(PathBuf, std::fs::File)>, HashError> {
        let exact = [tile, tile.filled()].map(|tile| self.dir.join(tile.path()));
        let partials = self.partials(tile);
        let widths = self.widths(&partials).map_err(|source| HashError::Io { path: partials.clone(), source })?;
        let wider =
            widths.into_iter().filter(|width| *width > tile.width).map(|width| partials.join(width.to_string()));
        for path in exact.into_iter().chain(wider) {
            match disk::open(&path) {
                Ok(Some((file, _))) => return Ok(Some((path, file))),
                Ok(None) => {}
                Err(source) => return Err(HashError::Io { path, source }),
            }
        }
        Ok(None)
    }
}

/// The name under which a file is written before it gets its own.
pub(crate) fn part_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    PathBuf::from(name)
}

impl Tiles for DirTiles {
    fn tile(&self, tile: Tile) -> Result<Vec<Sha256Digest>, HashError> {
        let Some((path, file)) = self.find(tile)? else { return Err(missing(tile)) };
        let mut bytes = Vec::new();
        let most = u64::from(TILE_WIDTH) * HASH as u64 + 1;
        if let Err(source) = file.take(most).read_to_end(&mut bytes) {
            return Err(HashError::Io { path, source });
        }
        let want = usize::from(tile.width) * HASH;
        if bytes.len() < want || !bytes.len().is_multiple_of(HASH) || bytes.len() as u64 == most {
            let what = format!("has {} bytes instead of {want}", bytes.len());
            return Err(HashError::Form { path, what });
        }
        let hash = |bytes: &[u8; HASH]| Sha256Digest::from_bytes(*bytes);
        Ok(bytes[..want].as_chunks().0.iter().map(hash).collect())
    }
}

/// The nodes of a tree of known size, out of its tiles. Keeps the last few tiles with their inner nodes, so that a proof
/// reads each tile once.
pub struct TileNodes<S> {
    tiles: S,
    size: u64,
    cache: RefCell<Cache>,
}

#[derive(Default)]
struct Cache {
    tiles: Vec<Cached>,
    /// How often a node was asked for.
    asked: u64,
}

struct Cached {
    tile: Tile,
    /// All levels, the hashes that are stored first.
    levels: Vec<Vec<Sha256Digest>>,
    /// When it was last asked for.
    asked: u64,
}

impl<T: Tiles + ?Sized> Tiles for &T {
    fn tile(&self, tile: Tile) -> Result<Vec<Sha256Digest>, HashError> {
        (**self).tile(tile)
    }
}

impl<S: Tiles> TileNodes<S> {
    /// The tree of the first `size` leaves.
    pub fn new(tiles: S, size: u64) -> Self {
        Self { tiles, size, cache: RefCell::default() }
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, tile: Tile) -> Result<Vec<Vec<Sha256Digest>>, HashError> {
        let mut levels = vec![self.tiles.tile(tile)?];
        loop {
            let below = levels.last().map_or(&[][..], Vec::as_slice);
            let above: Vec<_> = below.as_chunks().0.iter().map(|[left, right]| node_hash(left, right)).collect();
            if above.is_empty() {
                return Ok(levels);
            }
            levels.push(above);
        }
    }
}

impl<S: Tiles> Nodes for TileNodes<S> {
    fn node(&self, node: Node) -> Result<Sha256Digest, HashError> {
        let (tile, height, offset) = Tile::of(node, self.size).ok_or(HashError::Missing(node))?;
        let mut cache = self.cache.borrow_mut();
        let Cache { tiles, asked } = &mut *cache;
        *asked += 1;
        let at = match tiles.iter().position(|cached| cached.tile == tile) {
            Some(at) => at,
            None => {
                let read = Cached { tile, levels: self.read(tile)?, asked: *asked };
                let longest_ago = tiles.iter().enumerate().min_by_key(|(_, cached)| cached.asked);
                match longest_ago.map(|(at, _)| at).filter(|_| tiles.len() == CACHED) {
                    Some(at) => {
                        tiles[at] = read;
                        at
                    }
                    None => {
                        tiles.push(read);
                        tiles.len() - 1
                    }
                }
            }
        };
        tiles[at].asked = *asked;
        let hash = tiles[at].levels.get(usize::from(height)).and_then(|level| level.get(offset >> height)).copied();
        hash.ok_or(HashError::Missing(node))
    }
}
