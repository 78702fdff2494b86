local P,n,l,i=unpack(ARGV)
local R=redis.call
local t=R('TIME')[1]
local r,z={i,t},0
for _,k in ipairs(R('ZRANGEBYSCORE',KEYS[1],'-inf',t,'LIMIT',0,n)) do
local v=R('GET',k)
if not v then R('ZREM',KEYS[1],k)
elseif z<24576 then
local y=R('GET',P..'p:'..string.sub(k,#P+3)) or ''
R('ZADD',KEYS[1],string.format('%d',t+l),k)
r[#r+1]=k r[#r+1]=v r[#r+1]=y
z=z+#k+#v+#y
end
end
return r
