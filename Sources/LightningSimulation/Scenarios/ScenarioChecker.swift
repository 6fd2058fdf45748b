/// Something that must hold in a run on production nodes, beside what every run is checked for: it is asked after each second of the
/// scenario's time, and once when everything has come to rest.
public struct ScenarioChecker: Sendable {
    /// What it is about, for whoever reads that it did not hold.
    public var name: String
    /// What is wrong in a world; `nil` where nothing is.
    public var problem: @Sendable (SimulatedWorld) -> String?

    /// A check. It sees the world as it is, and changes nothing.
    public init(_ name: String, _ problem: @escaping @Sendable (SimulatedWorld) -> String?) {
        self.name = name
        self.problem = problem
    }
}

extension [ScenarioChecker] {
    /// - Throws: what the first of them finds.
    func check(_ world: SimulatedWorld) throws(InvariantViolation) {
        for checker in self { if let what = checker.problem(world) { throw world.violation("\(checker.name): \(what)") } }
    }
}
