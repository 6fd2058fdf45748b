/// Where there is room for texts on a drawing: beside its lines, and beside what stands there already.
struct LabelRoom {
    private struct Box {
        var left: Double
        var right: Double
        var top: Double
        var bottom: Double

        init(_ centre: NetworkDrawing.Point, _ width: Double, _ height: Double) {
            (left, right) = (centre.x - width / 2, centre.x + width / 2)
            (top, bottom) = (centre.y - height / 2, centre.y + height / 2)
        }
    }

    private let size: (width: Double, height: Double)
    private let segments: [(NetworkDrawing.Point, NetworkDrawing.Point)]
    private var taken: [Box] = []

    init(_ size: (width: Double, height: Double), segments: [(NetworkDrawing.Point, NetworkDrawing.Point)]) {
        self.size = size
        self.segments = segments
    }

    /// Something stands there.
    mutating func take(_ centre: NetworkDrawing.Point, width: Double, height: Double) { taken.append(Box(centre, width, height)) }

    func isFree(_ centre: NetworkDrawing.Point, width: Double, height: Double) -> Bool {
        let box = Box(centre, width, height)
        guard box.left > 2, box.right < size.width - 2, box.top > 2, box.bottom < size.height - 2 else { return false }
        for other in taken where box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom {
            return false
        }
        return !segments.contains { Self.crosses($0, box) }
    }

    /// Whether a line goes through a box (Liang and Barsky's clipping).
    private static func crosses(_ segment: (NetworkDrawing.Point, NetworkDrawing.Point), _ box: Box) -> Bool {
        let (dx, dy) = (segment.1.x - segment.0.x, segment.1.y - segment.0.y)
        var (enter, leave) = (0.0, 1.0)
        // The line has a width.
        let edges = [
            (-dx, segment.0.x - (box.left - 3)), (dx, box.right + 3 - segment.0.x), (-dy, segment.0.y - (box.top - 3)),
            (dy, box.bottom + 3 - segment.0.y),
        ]
        for (direction, distance) in edges {
            if direction == 0 {
                if distance < 0 { return false }
            } else if direction < 0 {
                enter = max(enter, distance / direction)
            } else {
                leave = min(leave, distance / direction)
            }
        }
        return enter <= leave
    }
}
