import Foundation

/// A network as a map: nodes around a circle or where springs push them, each channel as two halves in its owners' colours.
///
/// A half is as long as its owner's share of the channel, and the amount stands beside the line at its owner's end, never on a line.
public struct NetworkDrawing {
    /// A channel and what both sides of it have, in satoshi.
    public struct Link: Sendable {
        /// Places in the list of nodes.
        public var from: Int
        /// The other end.
        public var to: Int
        /// What `from` has.
        public var mine: UInt64
        /// What both have.
        public var capacity: UInt64

        /// A channel.
        public init(from: Int, to: Int, mine: UInt64, capacity: UInt64) {
            self.from = from
            self.to = to
            self.mine = mine
            self.capacity = capacity
        }
    }

    struct Point {
        var x: Double
        var y: Double
    }

    private let names: [String]
    private let links: [Link]
    private let points: [Point]
    private static let (width, height) = (720.0, 560.0)

    /// Places the nodes.
    public init(names: [String], links: [Link]) {
        self.names = names
        self.links = links
        points = Self.places(names.count, links)
    }

    /// Nodes and channels at most: more is a cloud in which nobody sees anything.
    public static let mostNodes = 40
    /// The most channels that are drawn.
    public static let mostLinks = 120

    private var radius: Double { names.count <= 12 ? 26 : names.count <= 24 ? 20 : 15 }

    /// The drawing as an `svg` element, whose halves a script can move: each has the number of its link.
    public var svg: String {
        let f = Chart.coordinate
        var svg =
            "<svg class=\"map\" viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\"Map of the network\">"
        var labels = ""
        let parallel = Dictionary(grouping: links.indices) { "\(min(links[$0].from, links[$0].to))-\(max(links[$0].from, links[$0].to))" }
        for (index, link) in links.enumerated() {
            let siblings = parallel["\(min(link.from, link.to))-\(max(link.from, link.to))"]!
            let (a, b) = ends(link, place: siblings.firstIndex(of: index)!, of: siblings.count)
            let share = link.capacity > 0 ? Double(min(link.mine, link.capacity)) / Double(link.capacity) : 0.5
            let middle = Point(x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share)
            svg += "<g class=\"link\" data-link=\"\(index)\" data-a=\"\(f(a.x)) \(f(a.y))\" data-b=\"\(f(b.x)) \(f(b.y))\">"
            svg +=
                "<line class=\"half s\(link.from % Chart.colours)\" x1=\"\(f(a.x))\" y1=\"\(f(a.y))\" x2=\"\(f(middle.x))\" y2=\"\(f(middle.y))\"/>"
            svg +=
                "<line class=\"half s\(link.to % Chart.colours)\" x1=\"\(f(middle.x))\" y1=\"\(f(middle.y))\" x2=\"\(f(b.x))\" y2=\"\(f(b.y))\"/>"
            svg += "<title>\((names[link.from] + " – " + names[link.to]).escapedHTML)</title></g>"
            guard links.count <= 40 else { continue }
            labels += label(link.mine, at: a, towards: b, of: index, "a")
            labels += label(link.capacity - min(link.mine, link.capacity), at: b, towards: a, of: index, "b")
        }
        svg += labels
        for (index, point) in points.enumerated() {
            svg +=
                "<g class=\"node\"><circle class=\"fill c\(index % Chart.colours)\" cx=\"\(f(point.x))\" cy=\"\(f(point.y))\" r=\"\(f(radius))\"/>"
            let text = names[index].count > 10 ? String(names[index].prefix(9)) + "…" : names[index]
            let isOutside = names.count > 12 || text.count > 6
            let y = isOutside ? point.y + radius + 15 : point.y + 5
            svg +=
                "<text class=\"\(isOutside ? "outside" : "inside")\" text-anchor=\"middle\" x=\"\(f(point.x))\" y=\"\(f(y))\">\(text.escapedHTML)</text></g>"
        }
        return svg + "</svg>"
    }

    /// Where the line of a channel begins and ends: at the rims of its nodes, beside the other channels between them.
    private func ends(_ link: Link, place: Int, of count: Int) -> (Point, Point) {
        let (a, b) = (points[link.from], points[link.to])
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = max(1, (dx * dx + dy * dy).squareRoot())
        // The same side for both directions.
        let side = (Double(place) - Double(count - 1) / 2) * 10 * (link.from < link.to ? 1 : -1)
        let (ox, oy) = (-dy / length * side, dx / length * side)
        let reach = radius + 2
        return (
            Point(x: a.x + dx / length * reach + ox, y: a.y + dy / length * reach + oy),
            Point(x: b.x - dx / length * reach + ox, y: b.y - dy / length * reach + oy)
        )
    }

    /// A number beside the line, near its owner.
    private func label(_ amount: UInt64, at a: Point, towards b: Point, of link: Int, _ end: String) -> String {
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = max(1, (dx * dx + dy * dy).squareRoot())
        let along = min(0.24, 34 / length)
        // Always to the same side of the direction from left to right, so that both numbers of a channel stand on one side.
        let sign = dx > 0 || (dx == 0 && dy > 0) ? 1.0 : -1.0
        let (nx, ny) = (dy / length * sign, -dx / length * sign)
        let x = a.x + dx * along + nx * 11
        let y = a.y + dy * along + ny * 11 + 4
        let anchor = abs(nx) < 0.35 ? "middle" : nx > 0 ? "start" : "end"
        return
            "<text class=\"amount\" data-amount=\"\(link)\(end)\" text-anchor=\"\(anchor)\" x=\"\(Chart.coordinate(x))\" y=\"\(Chart.coordinate(y))\">\(Numbers.short(Double(amount)))</text>"
    }

    // MARK: Places

    private static func places(_ count: Int, _ links: [Link]) -> [Point] {
        guard count > 0 else { return [] }
        let centre = Point(x: width / 2, y: height / 2)
        func around(_ order: [Int], _ hub: Int? = nil) -> [Point] {
            var points = [Point](repeating: centre, count: count)
            for (place, node) in order.enumerated() {
                let angle = -Double.pi / 2 + 2 * Double.pi * Double(place) / Double(order.count)
                points[node] = Point(x: centre.x + cos(angle) * (width / 2 - 90), y: centre.y + sin(angle) * (height / 2 - 70))
            }
            return points
        }
        var neighbours = [Set<Int>](repeating: [], count: count)
        for link in links {
            neighbours[link.from].insert(link.to)
            neighbours[link.to].insert(link.from)
        }
        // A star has its hub in the middle.
        if count > 3, let hub = (0..<count).first(where: { neighbours[$0].count == count - 1 }),
            neighbours.enumerated().allSatisfy({ $0.offset == hub || $0.element.count <= 1 })
        {
            return around((0..<count).filter { $0 != hub })
        }
        // A line is a line, in several rows where it is long.
        if count <= 6, count > 1, let start = (0..<count).first(where: { neighbours[$0].count == 1 }),
            neighbours.allSatisfy({ $0.count <= 2 })
        {
            let order = walk(from: start, neighbours)
            guard order.count == count else { return around(Array(0..<count)) }
            var points = [Point](repeating: centre, count: count)
            for (place, node) in order.enumerated() {
                points[node] = Point(x: 70 + (width - 140) * Double(place) / Double(count - 1), y: centre.y + (place % 2 == 0 ? -40 : 40))
            }
            return points
        }
        // A ring is a ring: around it as its channels go. Others as well, while they are few.
        let order = walk(from: 0, neighbours)
        let rest = (0..<count).filter { !order.contains($0) }
        if neighbours.allSatisfy({ $0.count <= 2 }) || count <= 8 { return around(order + rest) }
        return pushed(around(order + rest), neighbours)
    }

    /// Along channels as long as there is one to a node that was not there, then from the next one.
    private static func walk(from start: Int, _ neighbours: [Set<Int>]) -> [Int] {
        var order = [start]
        var seen: Set = [start]
        var stack = [start]
        while let node = stack.last {
            guard let next = neighbours[node].filter({ !seen.contains($0) }).min() else {
                stack.removeLast()
                continue
            }
            seen.insert(next)
            order.append(next)
            stack.append(next)
        }
        return order
    }

    /// Nodes push each other away, channels pull them together; no chance in it.
    private static func pushed(_ start: [Point], _ neighbours: [Set<Int>]) -> [Point] {
        var points = start
        let ideal = (width * height / Double(points.count)).squareRoot() * 0.8
        for round in 0..<300 {
            let heat = 40 * (1 - Double(round) / 300)
            var moves = [Point](repeating: Point(x: 0, y: 0), count: points.count)
            for one in points.indices {
                for two in points.indices where two != one {
                    let (dx, dy) = (points[one].x - points[two].x, points[one].y - points[two].y)
                    let length = max(1, (dx * dx + dy * dy).squareRoot())
                    var force = ideal * ideal / length
                    if neighbours[one].contains(two) { force -= length * length / ideal }
                    moves[one].x += dx / length * force
                    moves[one].y += dy / length * force
                }
            }
            for index in points.indices {
                let length = max(1, (moves[index].x * moves[index].x + moves[index].y * moves[index].y).squareRoot())
                points[index].x += moves[index].x / length * min(length, heat)
                points[index].y += moves[index].y / length * min(length, heat)
                points[index].x = min(max(points[index].x, 60), width - 60)
                points[index].y = min(max(points[index].y, 40), height - 50)
            }
        }
        return points
    }
}
