package import LightningRecords

// What happens to the disks of nodes.
extension SimulatedWorld {
    /// Kills a node whose disk is lost: it starts again with nothing but its words.
    public mutating func loseStore(_ index: Int) {
        kill(index)
        nodes[index].store = StoreContents()
        nodes[index].numbers = [:]
    }

    /// Kills a node whose disk is set back to an earlier time: it starts again with what it had then, and is told that it may be old.
    package mutating func setBack(_ index: Int, to store: StoreContents) {
        loseStore(index)
        nodes[index].store = store
        nodes[index].isOldCopy = true
    }
}
