import NIOCore

/// Ends connections of an address that has too many, so that one stranger cannot take the places of all.
final class AddressLimit: ChannelInboundHandler, RemovableChannelHandler {
    // It is put between others, and passes on what they say.
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    private let places: Places<String>
    private var address: String?

    init(_ places: Places<String>) { self.places = places }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { begin(context) } }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard address == nil, let remote = context.remoteAddress?.ipAddress else { return }
        guard places.take(remote) else { return context.close(promise: nil) }
        address = remote
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let address { places.leave(address) }
        address = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.fireChannelRead(data) }
}
