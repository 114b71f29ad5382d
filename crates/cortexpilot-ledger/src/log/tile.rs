//! Which hashes stand in which file: tiles of 256, C2SP `tlog-tiles`.

use super::tree::Node;

/// Hashes in a full tile: the leaves of a subtree of height 8.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree that one level of tiles spans.
const HEIGHT: u8 = 8;

/// One tile: `width` hashes of nodes of level `8 * level`, from node `256 * index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Level of tiles; 0 holds the leaves' hashes.
    pub level: u8,
    /// How many tiles of the level stand left of it.
    pub index: u64,
    /// How many hashes: 256 in a full tile, 1 to 255 in a partial one, which is the last of its level.
    pub width: u16,
}

impl Tile {
    /// Its path below the log's directory: `tile/0/x001/234`, or `tile/0/x001/234.p/12` when it is partial. The digits of
    /// the index go by three, so that no directory has more than some two thousand entries.
    pub fn path(&self) -> String {
        let mut digits = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            digits = format!("x{:03}/{digits}", rest % 1000);
            rest /= 1000;
        }
        let partial = if self.width < TILE_WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("tile/{}/{digits}{partial}", self.level)
    }

    /// The tile that a path names. `None` unless it is exactly what [`path`](Self::path) would write.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (digits, width) = match rest.split_once(".p/") {
            Some((digits, width)) => (digits, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let mut index: u64 = 0;
        for part in digits.split('/') {
            let part: u64 = part.strip_prefix('x').unwrap_or(part).parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(part)?;
        }
        let tile = Self { level: level.parse().ok()?, index, width };
        // Signs, leading zeros, a missing `x`, a width of 0 or 300, a level of 64: all of them print differently, or not.
        let sane = tile.level < 64 && (1..=TILE_WIDTH).contains(&width);
        (sane && tile.path() == path).then_some(tile)
    }

    /// The same tile as it is when full.
    pub(crate) fn filled(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// The tile of a tree of `size` leaves that the hash of a node follows from: those of `1 << height` hashes from
    /// `offset` on. `None` when the node is not whole in that tree.
    pub(crate) fn of(node: Node, size: u64) -> Option<(Self, u8, usize)> {
        let whole = size.checked_shr(u32::from(node.level)).unwrap_or(0);
        if node.index >= whole {
            return None;
        }
        let (level, height) = (node.level / HEIGHT, node.level % HEIGHT);
        let first = node.index << height;
        let index = first / u64::from(TILE_WIDTH);
        let offset = usize::try_from(first % u64::from(TILE_WIDTH)).ok()?;
        Some((Self { level, index, width: width(level, index, size) }, height, offset))
    }

    /// The level of tiles that holds the hash of this node, if one does: every eighth.
    pub(crate) fn level_that_holds(node: Node) -> Option<u8> {
        node.level.is_multiple_of(HEIGHT).then_some(node.level / HEIGHT)
    }
}

/// Hashes that a level of tiles has in a tree of `size` leaves.
pub(crate) fn hashes_of_level(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(HEIGHT)).unwrap_or(0)
}

fn width(level: u8, index: u64, size: u64) -> u16 {
    let behind = hashes_of_level(level, size) - index * u64::from(TILE_WIDTH);
    u16::try_from(behind).map_or(TILE_WIDTH, |behind| behind.min(TILE_WIDTH))
}

/// All tiles of a tree of `size` leaves, lower levels first; each level's partial tile, if it has one, is its last.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    let levels = (0_u8..).take_while(move |level| hashes_of_level(*level, size) > 0);
    levels.flat_map(move |level| {
        let tiles = hashes_of_level(level, size).div_ceil(u64::from(TILE_WIDTH));
        (0..tiles).map(move |index| Tile { level, index, width: width(level, index, size) })
    })
}
