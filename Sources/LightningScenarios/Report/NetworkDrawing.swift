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
        /// What is said of it where somebody points at it; the names of its ends unless said.
        public var note: String?

        /// A channel.
        public init(from: Int, to: Int, mine: UInt64, capacity: UInt64, note: String? = nil) {
            self.from = from
            self.to = to
            self.mine = mine
            self.capacity = capacity
            self.note = note
        }
    }

    struct Point {
        var x: Double
        var y: Double
    }

    private let names: [String]
    private let links: [Link]
    private let points: [Point]
    private let size: (width: Double, height: Double)

    /// Places the nodes.
    public init(names: [String], links: [Link]) {
        self.names = names
        self.links = links
        size = names.count <= 12 ? (720, 560) : names.count <= 24 ? (960, 740) : (1200, 920)
        points = Self.places(names.count, links, size)
    }

    /// Nodes and channels at most: more is a cloud in which nobody sees anything.
    public static let mostNodes = 40
    /// The most channels that are drawn.
    public static let mostLinks = 120

    private var radius: Double { names.count <= 12 ? 26 : names.count <= 24 ? 23 : 15 }

    /// The drawing as a file of its own, light or dark as its viewer likes it.
    public var file: String {
        let style = """
            <style>svg{--paper:#fff;--ink:#1a1a1a;--soft:#5c6370;--panel:#fff;background:var(--panel);font:15px system-ui,sans-serif}\
            @media(prefers-color-scheme:dark){svg{--paper:#14161a;--ink:#e8eaed;--soft:#a3a9b3;--panel:#14161a}}\
            text{fill:var(--ink)}\(ReportStyle.drawing)</style>
            """
        let element = svg.replacing("<svg ", with: "<svg xmlns=\"http://www.w3.org/2000/svg\" ", maxReplacements: 1)
        guard let end = element.firstIndex(of: ">") else { return element }
        return element[...end] + style.split(separator: "\n").joined() + element[element.index(after: end)...] + "\n"
    }

    /// The drawing as an `svg` element, whose halves a script can move: each has the number of its link.
    public var svg: String {
        let f = Chart.coordinate
        var svg =
            "<svg class=\"map\" viewBox=\"0 0 \(Int(size.width)) \(Int(size.height))\" role=\"img\" aria-label=\"Map of the network\">"
        var labels = ""
        var segments: [(Point, Point)] = []
        var ends: [(Point, Point)] = []
        let parallel = Dictionary(grouping: links.indices) { "\(min(links[$0].from, links[$0].to))-\(max(links[$0].from, links[$0].to))" }
        for (index, link) in links.enumerated() {
            let siblings = parallel["\(min(link.from, link.to))-\(max(link.from, link.to))"]!
            let (a, b) = lineEnds(link, place: siblings.firstIndex(of: index)!, of: siblings.count)
            let share = link.capacity > 0 ? Double(min(link.mine, link.capacity)) / Double(link.capacity) : 0.5
            let middle = Point(x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share)
            svg += "<g class=\"link\" data-link=\"\(index)\" data-a=\"\(f(a.x)) \(f(a.y))\" data-b=\"\(f(b.x)) \(f(b.y))\">"
            svg +=
                "<line class=\"half s\(link.from % Chart.colours)\" x1=\"\(f(a.x))\" y1=\"\(f(a.y))\" x2=\"\(f(middle.x))\" y2=\"\(f(middle.y))\"/>"
            svg +=
                "<line class=\"half s\(link.to % Chart.colours)\" x1=\"\(f(middle.x))\" y1=\"\(f(middle.y))\" x2=\"\(f(b.x))\" y2=\"\(f(b.y))\"/>"
            svg += "<title>\((link.note ?? names[link.from] + " – " + names[link.to]).escapedHTML)</title></g>"
            segments.append((a, b))
            ends.append((a, b))
        }
        var room = LabelRoom(size, segments: segments)
        for (index, point) in points.enumerated() {
            room.take(point, width: 2 * radius + 4, height: 2 * radius + 4)
            if isOutside(names[index]) { room.take(below(point), width: Double(shown(names[index]).count) * 8, height: 16) }
        }
        if links.count <= 60 {
            for (index, link) in links.enumerated() {
                let (a, b) = ends[index]
                labels += label(link.mine, at: a, towards: b, of: index, "a", &room)
                labels += label(link.capacity - min(link.mine, link.capacity), at: b, towards: a, of: index, "b", &room)
            }
        }
        svg += labels
        for (index, point) in points.enumerated() {
            svg +=
                "<g class=\"node\"><circle class=\"fill c\(index % Chart.colours)\" cx=\"\(f(point.x))\" cy=\"\(f(point.y))\" r=\"\(f(radius))\"/>"
            let isOutside = isOutside(names[index])
            let place = isOutside ? below(point) : point
            svg +=
                "<text class=\"\(isOutside ? "outside" : "inside")\" text-anchor=\"middle\" x=\"\(f(place.x))\" y=\"\(f(place.y + 5))\">\(shown(names[index]).escapedHTML)</text></g>"
        }
        return svg + "</svg>"
    }

    /// Where the line of a channel begins and ends: at the rims of its nodes, beside the other channels between them.
    private func lineEnds(_ link: Link, place: Int, of count: Int) -> (Point, Point) {
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

    private func shown(_ name: String) -> String { name.count > 10 ? String(name.prefix(9)) + "…" : name }

    /// Whether a name stands below its node, where it does not fit into it.
    private func isOutside(_ name: String) -> Bool { Double(shown(name).count) * 8 > 2 * radius - 2 }

    private func below(_ point: Point) -> Point { Point(x: point.x, y: point.y + radius + 11) }

    /// A number beside the line, near its owner, where it is on no line, no node and no other text; none where there is no such place.
    private func label(
        _ amount: UInt64, at a: Point, towards b: Point, of link: Int, _ end: String, _ room: inout LabelRoom
    ) -> String {
        let text = Numbers.short(Double(amount))
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = max(1, (dx * dx + dy * dy).squareRoot())
        let width = Double(text.count) * 7
        // The same side of the direction from left to right first, so that both numbers of a channel stand on one side.
        let first = dx > 0 || (dx == 0 && dy > 0) ? 1.0 : -1.0
        for along in [24.0, 38, 52, 70, 90] where along < length * 0.48 || along == 24 {
            for side in [first, -first] {
                let (nx, ny) = (dy / length * side, -dx / length * side)
                let distance = 10 + abs(nx) * width / 2
                let centre = Point(x: a.x + dx / length * along + nx * distance, y: a.y + dy / length * along + ny * distance)
                guard room.isFree(centre, width: width, height: 13) else { continue }
                room.take(centre, width: width, height: 13)
                return
                    "<text class=\"amount\" data-amount=\"\(link)\(end)\" text-anchor=\"middle\" x=\"\(Chart.coordinate(centre.x))\" y=\"\(Chart.coordinate(centre.y + 4))\">\(text)</text>"
            }
        }
        return ""
    }

    // MARK: Places

    private static func places(_ count: Int, _ links: [Link], _ size: (width: Double, height: Double)) -> [Point] {
        let (width, height) = size
        guard count > 0 else { return [] }
        let centre = Point(x: width / 2, y: height / 2)
        func around(_ order: [Int]) -> [Point] {
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
        return pushed(around(order + rest), neighbours, size)
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
    private static func pushed(
        _ start: [Point], _ neighbours: [Set<Int>], _ size: (width: Double, height: Double)
    ) -> [Point] {
        let (width, height) = size
        let edges = neighbours.indices.flatMap { one in neighbours[one].sorted().filter { $0 > one }.map { (one, $0) } }
        var points = start
        let ideal = (width * height / Double(points.count)).squareRoot() * 0.8
        for round in 0..<300 {
            let heat = 40 * (1 - Double(round) / 300) + 1
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
            // No line goes through a node that it does not belong to.
            for (from, to) in edges {
                let (dx, dy) = (points[to].x - points[from].x, points[to].y - points[from].y)
                let length = max(1, (dx * dx + dy * dy).squareRoot())
                for node in points.indices where node != from && node != to {
                    let (px, py) = (points[node].x - points[from].x, points[node].y - points[from].y)
                    let along = (px * dx + py * dy) / length
                    let aside = (px * dy - py * dx) / length
                    guard along > 0, along < length, abs(aside) < 50 else { continue }
                    let force = (50 - abs(aside)) * 6 * (aside < 0 ? -1 : 1)
                    moves[node].x += dy / length * force
                    moves[node].y -= dx / length * force
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
